//go:build purego || !amd64

package nn

const useAVX2, useAVX512 = false, false
