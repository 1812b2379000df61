package sysfs

// OnRead has f called before each attribute is read.
func OnRead(b *Bus, f func(path string)) { b.opened = f }
