// Package backup writes all records of a store into one stream, and reads them
// back, whatever adapter they come from or go to.
//
// A backup is
//
//	header   a line of JSON (Head)
//	records  each its length as a uvarint, and so many bytes
//	end      a zero byte
//	count    8 bytes, little endian: the number of records
//	sum      32 bytes: the SHA-256 of all before it
//
// A record is its kind, id (16 bytes), generation (uvarint), the number of its
// indexes and the texts of each, likewise its claims, and its body. A text is
// its length as a uvarint and its bytes; all other numbers are uvarints.
package backup
