// Package bench measures a running accelerator service from outside: it speaks
// REST and nothing else, and knows none of the other packages. Its tests start
// the service, and beside it the floors that it is compared with; README.md
// says how each figure is taken. It needs Linux: epoll and /proc.
package bench
