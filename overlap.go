package nn

import "unsafe"

// overlaps reports whether x and y have an element in common.
//
// It compares addresses, for which there is no way but unsafe: two slices of
// one array may differ in both ends and in capacity. Nothing is read or
// written through them, and no result depends on them, only a panic.
func overlaps(x, y []float64) bool {
	if len(x) == 0 || len(y) == 0 {
		return false
	}
	const size = unsafe.Sizeof(float64(0))
	a := uintptr(unsafe.Pointer(unsafe.SliceData(x)))
	b := uintptr(unsafe.Pointer(unsafe.SliceData(y)))
	return a < b+uintptr(len(y))*size && b < a+uintptr(len(x))*size
}
