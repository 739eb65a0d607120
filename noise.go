package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// A DropoutLayer sets each value to zero with probability Rate and divides the
// others by 1 − Rate, so that the mean stays:
//
//	y = m ⊙ x/(1 − Rate)    dx = m ⊙ dy/(1 − Rate)
//
// with m 0 or 1. It does so in training only. Rate is rounded to a multiple of
// 2⁻¹⁶, less than 1: that is how finely the mask is drawn.
//
// Srivastava et al., Dropout, JMLR 15 (2014).
type DropoutLayer struct{ Rate float64 }

// Dropout returns a DropoutLayer. It panics unless 0 ≤ rate < 1.
func Dropout(rate float64) *DropoutLayer {
	if !(rate >= 0 && rate < 1) {
		panic(fmt.Sprintf("nn: Dropout: rate is %v; it must be at least 0 and less than 1", rate))
	}
	return &DropoutLayer{rate}
}

func (d *DropoutLayer) Build(in Shape, _ *rand.Rand) (Shape, error) {
	if !(d.Rate >= 0 && d.Rate < 1) {
		return nil, fmt.Errorf("Dropout: rate is %v; it must be at least 0 and less than 1", d.Rate)
	}
	return in, nil
}

func (d *DropoutLayer) Params() []*Param { return nil }

func (d *DropoutLayer) Forward(p *Pass, x *Matrix) *Matrix {
	if !p.Training() || d.Rate == 0 {
		return x
	}
	y, mask := p.raw(x.Rows, x.Cols), p.raw(x.Rows, x.Cols)
	dropMask(mask.Data, d.Rate, p.key())
	vmul(y.Data, x.Data, mask.Data)
	p.Push(mask)
	return y
}

// Backward: yᵢ = mᵢ·xᵢ/(1 − Rate) with a mask that does not depend on x, so
// dxᵢ = dyᵢ·mᵢ/(1 − Rate).
func (d *DropoutLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	if !p.Training() || d.Rate == 0 {
		return dy
	}
	dx := p.raw(dy.Rows, dy.Cols)
	vmul(dx.Data, dy.Data, p.Pop().Data)
	return dx
}

// dropMask sets each element of m to 0 with probability rate, else to
// 1/(1 − rate). Element i is decided by 16 bits of word i/4 of the stream of
// key, so it does not matter who computes it, or when.
func dropMask(m []float64, rate float64, key uint64) {
	drop := min(uint64(float64(rate*0x1p16)+0.5), 1<<16-1) // of 2¹⁶ outcomes
	keep := 0x1p16 / float64(1<<16-drop)
	if dropMaskFast(m, drop, keep, key) {
		return
	}
	for i := 0; i < len(m); i += 4 {
		w := mix(key, uint64(i/4))
		for j := i; j < min(i+4, len(m)); j++ {
			v := keep
			if w&0xffff < drop {
				v = 0
			}
			m[j] = v
			w >>= 16
		}
	}
}

// A ChannelDropoutLayer drops whole channels, the first dimension of its input,
// of an image (channels, h, w) for example: neighbours in a picture are so alike
// that dropping values one by one hides little. With probability Rate all
// values of a channel become zero, else they are divided by 1 − Rate:
//
//	y = m·x/(1 − Rate)    dx = m·dy/(1 − Rate)
//
// with m 0 or 1 for each channel of each sample. Otherwise it is as [Dropout].
//
// Tompson et al., Efficient Object Localization Using Convolutional Networks,
// arXiv:1411.4280.
type ChannelDropoutLayer struct {
	Rate float64

	channels, area int
}

// ChannelDropout returns a ChannelDropoutLayer. It panics unless 0 ≤ rate < 1.
func ChannelDropout(rate float64) *ChannelDropoutLayer {
	if !(rate >= 0 && rate < 1) {
		panic(fmt.Sprintf("nn: ChannelDropout: rate is %v; it must be at least 0 and less than 1", rate))
	}
	return &ChannelDropoutLayer{Rate: rate}
}

func (*ChannelDropoutLayer) passesInit() {}

func (d *ChannelDropoutLayer) Build(in Shape, _ *rand.Rand) (Shape, error) {
	if !(d.Rate >= 0 && d.Rate < 1) {
		return nil, fmt.Errorf("ChannelDropout: rate is %v; it must be at least 0 and less than 1", d.Rate)
	}
	if len(in) < 2 {
		return nil, fmt.Errorf("ChannelDropout: input is %v; it must have channels of several values, or take Dropout", in)
	}
	d.channels, d.area = in[0], in[1:].Size()
	return in, nil
}

func (d *ChannelDropoutLayer) Params() []*Param { return nil }

func (d *ChannelDropoutLayer) Forward(p *Pass, x *Matrix) *Matrix {
	if !p.Training() || d.Rate == 0 {
		return x
	}
	checkWidth("ChannelDropout", x, d.channels*d.area)
	mask := p.raw(x.Rows, d.channels)
	dropMask(mask.Data, d.Rate, p.key())
	p.Push(mask)
	return d.apply(p, mask, x)
}

// Backward is Forward with the same mask, as for [DropoutLayer].
func (d *ChannelDropoutLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	if !p.Training() || d.Rate == 0 {
		return dy
	}
	return d.apply(p, p.Pop(), dy)
}

// apply returns x with each channel times its value in mask.
func (d *ChannelDropoutLayer) apply(p *Pass, mask, x *Matrix) *Matrix {
	y := p.raw(x.Rows, x.Cols)
	for c, m := range mask.Data {
		lo, hi := c*d.area, (c+1)*d.area
		vscale(y.Data[lo:hi], m, x.Data[lo:hi])
	}
	return y
}

// A GaussianNoiseLayer adds normally distributed noise of mean 0 and standard
// deviation Std to every value:
//
//	y = x + Std·ε    dx = dy
//
// It does so in training only.
type GaussianNoiseLayer struct{ Std float64 }

// GaussianNoise returns a GaussianNoiseLayer. It panics unless std is finite
// and not negative.
func GaussianNoise(std float64) *GaussianNoiseLayer {
	l := &GaussianNoiseLayer{std}
	if _, err := l.Build(nil, nil); err != nil {
		panic("nn: " + err.Error())
	}
	return l
}

func (g *GaussianNoiseLayer) Build(in Shape, _ *rand.Rand) (Shape, error) {
	if !(g.Std >= 0) || math.IsInf(g.Std, 0) {
		return nil, fmt.Errorf("GaussianNoise: standard deviation is %v; it must be finite and not negative", g.Std)
	}
	return in, nil
}

func (g *GaussianNoiseLayer) Params() []*Param { return nil }

func (g *GaussianNoiseLayer) Forward(p *Pass, x *Matrix) *Matrix {
	if !p.Training() {
		return x
	}
	y, key := p.raw(x.Rows, x.Cols), p.key()
	for i, v := range x.Data {
		k := uint64(2 * i)
		y.Data[i] = math.FMA(g.Std, boxMuller(mix(key, k), mix(key, k+1)), v)
	}
	return y
}

// Backward: the noise does not depend on x, so ∂y/∂x = 1.
func (g *GaussianNoiseLayer) Backward(_ *Pass, dy *Matrix) *Matrix { return dy }
