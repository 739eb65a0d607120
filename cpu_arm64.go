//go:build !purego

package nn

// useNEON is true: every arm64 processor has NEON. Tests switch it off.
var useNEON = true
