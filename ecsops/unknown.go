package ecsops

import (
	"context"
	"errors"
	"net"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// callError names the AWS call that failed (service:Operation, as IAM spells it), so
// that whatever depended on it can say so.
type callError struct {
	call string
	err  error
}

func (e *callError) Error() string { return e.call + ": " + e.err.Error() }
func (e *callError) Unwrap() error { return e.err }

// reasonError is a reason in words of our own, where AWS has no error code for it.
type reasonError string

func (e reasonError) Error() string { return string(e) }

const (
	reasonTimedOut    = "timed out"
	reasonNotModelled = "not modelled"
	reasonConnection  = "connection failed"
	reasonWrongPlace  = "wrong account"
	reasonExternal    = "external"
	reasonBusy        = "turn had not come"
)

// called wraps a call's error with its name; nil stays nil.
func called(call string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*callError](err); ok {
		return err
	}
	return &callError{call, err}
}

// unknownOf makes the Unknown of a fact that an error kept from us. call is what would
// have brought it, unless the error names another.
func unknownOf(fact, call string, err error) Unknown {
	u := Unknown{Fact: fact, Call: call, Reason: reasonOf(err)}
	if c, ok := errors.AsType[*callError](err); ok {
		u.Call = c.call
	}
	return u
}

func reasonOf(err error) string {
	if reason, ok := errors.AsType[reasonError](err); ok {
		return string(reason)
	}
	if _, ok := errors.AsType[*WrongAccountError](err); ok {
		return reasonWrongPlace
	}
	if _, ok := errors.AsType[*BusyError](err); ok {
		return reasonBusy
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	var timeout net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		errors.As(err, &timeout) && timeout.Timeout():
		return reasonTimedOut
	}
	if _, ok := errors.AsType[*smithyhttp.RequestSendError](err); ok {
		return reasonConnection
	}
	return err.Error()
}

// fact turns a read into a Fact.
func fact[T any](name, call string, v T, err error) Fact[T] {
	if err != nil {
		return NotKnown[T](unknownOf(name, call, err))
	}
	return Known(v)
}
