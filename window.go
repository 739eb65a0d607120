package nn

import "fmt"

// An axis is one dimension along which kernels, or windows, slide: element u of
// the kernel that gives output i meets input
//
//	i·stride + u·dilation − before
//
// where before is the padding in front. Its size is
//
//	out = ⌊(in + before + after − dilation·(kernel − 1) − 1)/stride⌋ + 1
//
// and inputs that are left over at the end are ignored.
type axis struct {
	in, kernel, stride, dilation int
	before, after                int // padding
	out                          int
}

// at returns the input that element u of the kernel meets for output i.
func (a *axis) at(i, u int) int { return i*a.stride + u*a.dilation - a.before }

// inside returns the outputs, lo ≤ i < hi, for which element u of the kernel
// meets no padding.
func (a *axis) inside(u int) (lo, hi int) {
	first := a.before - u*a.dilation // stride·i for which at is 0
	end := first + a.in
	if a.stride > 1 {
		first, end = ceilDiv(max(first, 0), a.stride), ceilDiv(max(end, 0), a.stride)
	}
	hi = min(max(end, 0), a.out)
	return min(max(first, 0), hi), hi
}

// check returns an error unless all numbers make sense and none can overflow.
func (a *axis) check() error {
	switch {
	case a.kernel <= 0 || a.kernel > maxSize:
		return fmt.Errorf("size is %d; it must be positive", a.kernel)
	case a.stride <= 0 || a.stride > maxSize:
		return fmt.Errorf("stride is %d; it must be positive", a.stride)
	case a.dilation <= 0 || a.dilation > maxSize/a.kernel:
		return fmt.Errorf("dilation is %d for size %d; it must be positive and not huge", a.dilation, a.kernel)
	case a.before < 0 || a.after < 0:
		return fmt.Errorf("padding is %d and %d; it must not be negative", a.before, a.after)
	case a.before > maxSize-a.in || a.after > maxSize-a.in-a.before:
		return fmt.Errorf("padding is %d and %d, too much", a.before, a.after)
	}
	return nil
}

// span returns how many inputs a kernel reaches over, with the gaps of dilation.
func (a *axis) span() int { return (a.kernel-1)*a.dilation + 1 }

// slide checks a and sets its out.
func (a *axis) slide() error {
	if err := a.check(); err != nil {
		return err
	}
	n := a.in + a.before + a.after
	if a.span() > n {
		return fmt.Errorf("%d values with padding are fewer than the kernel spans, %d", n, a.span())
	}
	a.out = (n-a.span())/a.stride + 1
	return nil
}

// same checks a and sets the padding that makes out = ⌈in/stride⌉, an odd one
// out at the end, as TensorFlow does.
func (a *axis) same() error {
	a.before, a.after = 0, 0
	if err := a.check(); err != nil {
		return err
	}
	last := (ceilDiv(a.in, a.stride) - 1) * a.stride // where the last kernel begins
	if a.span() > maxSize-last {
		return fmt.Errorf("the kernel spans %d values, too many", a.span())
	}
	pad := max(last+a.span()-a.in, 0)
	a.before, a.after = pad/2, pad-pad/2
	return a.slide()
}
