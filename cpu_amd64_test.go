//go:build linux && !purego

package nn

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The kernels in use are those that Linux says the processor has. (QEMU can stand for
// an older one, of which /proc/cpuinfo knows nothing.)
func TestVectorUnits(t *testing.T) {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Skip(err)
	}
	_, flags, found := strings.Cut(string(info), "\nflags")
	if !found {
		t.Skip("/proc/cpuinfo has no flags")
	}
	flags, _, _ = strings.Cut(flags, "\n")
	has := func(names ...string) bool {
		for _, name := range names {
			if !slices.Contains(strings.Fields(flags), name) {
				return false
			}
		}
		return true
	}
	avx2, avx512 := vectorUnits()
	if want := has("avx2", "fma"); avx2 != want {
		t.Errorf("AVX2 and FMA: %v, Linux says %v", avx2, want)
	}
	if want := has("avx2", "fma", "avx512f", "avx512dq", "avx512bw", "avx512vl"); avx512 != want {
		t.Errorf("AVX-512: %v, Linux says %v", avx512, want)
	}
	if useAVX2 != avx2 || useAVX512 != avx512 {
		t.Errorf("in use: AVX2 %v, AVX-512 %v; detected %v, %v", useAVX2, useAVX512, avx2, avx512)
	}
}
