package actors

import (
	"errors"
	"fmt"
)

// Code classifies an Error. Package http has the table from code to status.
type Code uint8

const (
	// CodeInternal is a fault of ours; its text is logged, never shown.
	CodeInternal Code = iota
	// CodeInvalid says that the request is malformed or breaks a rule for its fields.
	CodeInvalid
	// CodeNotFound says that what the request names does not exist, or not for
	// the caller.
	CodeNotFound
	// CodeConflict says that the request does not fit the present state.
	CodeConflict
	// CodeForbidden says that the caller may not do this.
	CodeForbidden
	// CodeNoFreeHandle says that the bind was accepted, but the deployable has no free attach
	// handle: the ARQs concerned are BindFailed.
	CodeNoFreeHandle
	// CodeUnresolved says that not all ARQs of an instance are resolved.
	CodeUnresolved
	// CodeUnavailable says: not now; the same request may succeed later.
	CodeUnavailable
	// CodeTimeout says that there was no outcome within the time limit; it may still come.
	CodeTimeout
	// CodeDeviceFailed says that the device or its host did not do what was asked.
	CodeDeviceFailed
)

// Error is a refusal or failure with a text that is fit for the client.
type Error struct {
	Code    Code
	Message string
	cause   error
}

// Error gives the message and the cause.
func (e *Error) Error() string {
	if e.cause != nil {
		return e.Message + ": " + e.cause.Error()
	}
	return e.Message
}

// Unwrap gives the cause, which is for logs only.
func (e *Error) Unwrap() error { return e.cause }

// ErrorCode gives the code of err; anything that is not an Error is internal.
func ErrorCode(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// Refuse makes an Error for the client.
func Refuse(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

func failure(code Code, cause error, message string) *Error {
	return &Error{Code: code, Message: message, cause: cause}
}
