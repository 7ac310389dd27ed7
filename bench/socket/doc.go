// Package socket asks the kernel for the same buffers on everybody's sockets.
package socket
