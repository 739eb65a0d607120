package nn

import (
	"fmt"
	"math"
	"slices"
)

// A Schedule gives the learning rate of each step, counted from 0. It is any
// function of the step:
//
//	func(step int) float64 { return 0.1 / (1 + 0.05*float64(step)) }
//
// Those of this package take a negative step for 0. They depend on nothing
// but the step, so that training that is resumed needs only the optimizer's
// count of steps; only that of a [Plateau] does not.
type Schedule func(step int) float64

// ConstantRate returns the Schedule that is always rate.
func ConstantRate(rate float64) Schedule {
	return func(int) float64 { return rate }
}

// StepDecay returns the Schedule rate·factor^⌊step/every⌋. It panics unless every > 0.
func StepDecay(rate, factor float64, every int) Schedule {
	positive("StepDecay", "every", every)
	return func(step int) float64 {
		return rate * powi(factor, max(step, 0)/every)
	}
}

// MultiStepDecay multiplies rate by factor once for each of the given steps
// that has been reached. It panics unless they increase.
func MultiStepDecay(rate, factor float64, steps ...int) Schedule {
	steps = slices.Clone(steps)
	for i := 1; i < len(steps); i++ {
		if steps[i] <= steps[i-1] {
			panic(fmt.Sprintf("nn: MultiStepDecay: steps %v do not increase", steps))
		}
	}
	return func(step int) float64 {
		n := 0
		for n < len(steps) && steps[n] <= max(step, 0) {
			n++
		}
		return rate * powi(factor, n)
	}
}

// ExponentialDecay returns the Schedule rate·factor^(step/every): [StepDecay]
// without its stairs. It panics unless every > 0 and factor > 0.
func ExponentialDecay(rate, factor float64, every int) Schedule {
	positive("ExponentialDecay", "every", every)
	if !(factor > 0) {
		panic(fmt.Sprintf("nn: ExponentialDecay: factor is %v; it must be positive", factor))
	}
	return func(step int) float64 {
		return rate * pow(factor, float64(max(step, 0))/float64(every))
	}
}

// LinearDecay falls evenly from rate to 0 in the given number of steps, and
// stays there. It panics unless steps > 0.
func LinearDecay(rate float64, steps int) Schedule {
	positive("LinearDecay", "steps", steps)
	return func(step int) float64 { return rate * left(step, steps) }
}

// PolynomialDecay goes from rate to end in the given number of steps, and stays there:
//
//	end + (rate−end)·(1 − step/steps)^power
//
// If end is the larger, it rises. It panics unless steps > 0 and power > 0.
func PolynomialDecay(rate, end, power float64, steps int) Schedule {
	positive("PolynomialDecay", "steps", steps)
	if !(power > 0) {
		panic(fmt.Sprintf("nn: PolynomialDecay: power is %v; it must be positive", power))
	}
	return func(step int) float64 {
		return between(end, rate, pow(left(step, steps), power))
	}
}

// CosineDecay falls from rate to 0 in the given number of steps along half a
// cosine wave, and stays there:
//
//	rate·(1 + cos(π·step/steps))/2
//
// It panics unless steps > 0. Loshchilov and Hutter, arXiv:1608.03983.
func CosineDecay(rate float64, steps int) Schedule {
	positive("CosineDecay", "steps", steps)
	return func(step int) float64 { return rate * cosine(left(step, steps)) }
}

// CosineDecayTo is [CosineDecay] to end in place of 0.
func CosineDecayTo(rate, end float64, steps int) Schedule {
	positive("CosineDecayTo", "steps", steps)
	return func(step int) float64 { return between(end, rate, cosine(left(step, steps))) }
}

// CosineRestarts falls from rate to end in the given number of steps as
// [CosineDecayTo] does, then begins again from rate, each time with factor times as
// many steps. The step that would reach end is the first of the next fall. It panics unless
// steps > 0 and factor > 0. Loshchilov and Hutter, arXiv:1608.03983.
func CosineRestarts(rate, end float64, steps, factor int) Schedule {
	positive("CosineRestarts", "steps", steps)
	positive("CosineRestarts", "factor", factor)
	return func(step int) float64 {
		t, n := max(step, 0), steps
		if factor == 1 {
			t %= n
		}
		for t >= n {
			t -= n
			n = min(n, math.MaxInt/factor) * factor
		}
		return between(end, rate, cosine(left(t, n)))
	}
}

// Warmup rises evenly in the given number of steps to the first rate of s,
// which it then follows from its beginning:
//
//	s(0)·(step+1)/steps    while step < steps
//	s(step−steps)          after
//
// So Warmup(500, CosineDecay(1e-3, 20000)) takes 20500 steps in all, and no step
// has rate 0. It panics if s is nil, or steps < 0.
func Warmup(steps int, s Schedule) Schedule {
	if s == nil {
		panic("nn: Warmup: no Schedule to follow")
	}
	if steps < 0 {
		panic(fmt.Sprintf("nn: Warmup: steps is %d; it must not be negative", steps))
	}
	return func(step int) float64 {
		step = max(step, 0)
		if step < steps {
			return s(0) * (float64(step+1) / float64(steps))
		}
		return s(step - steps)
	}
}

// OneCycle rises from rate/25 to rate in the first 30 % of the steps, and falls
// to rate/250000 in the rest, along half cosine waves, and stays there. It panics
// unless steps > 1. [OneCyclePolicy] has the other forms.
// Smith and Topin, arXiv:1708.07120.
func OneCycle(rate float64, steps int) Schedule {
	return OneCyclePolicy{Rate: rate, Steps: steps}.Schedule()
}

// OneCyclePolicy describes a rise of the learning rate from Rate/StartDivisor
// to Rate and its fall to Rate/(StartDivisor·EndDivisor).
type OneCyclePolicy struct {
	Rate         float64 // the highest
	Steps        int     // in all, at least 2
	Rise         float64 // the part of the steps spent rising, in (0, 1), or (0, ½] with ThreePhases; 0 means 0.3
	StartDivisor float64 // 0 means 25
	EndDivisor   float64 // 0 means 10000
	Linear       bool    // change evenly, not along half cosine waves
	ThreePhases  bool    // fall to the first rate as fast as it rose, and in the steps left to the last
}

// Schedule returns the Schedule of the policy. It panics if Steps or Rise is out of range.
func (o OneCyclePolicy) Schedule() Schedule {
	rise, most := or(o.Rise, 0.3), 1.0
	if o.ThreePhases {
		most = 0.5
	}
	// The first phase ends on step up, counted from 0, which has the highest rate.
	last := float64(o.Steps - 1)
	up := float64(rise*float64(o.Steps)) - 1
	if o.Steps < 2 || !(rise > 0 && rise <= most && up < last) {
		panic(fmt.Sprintf("nn: OneCycle: a rise in %v of %d steps; Steps must be at least 2, Rise above 0 and below 1, or at most ½ with ThreePhases", rise, o.Steps))
	}
	up = max(up, 0)
	first := o.Rate / or(o.StartDivisor, 25)
	end := first / or(o.EndDivisor, 10000)
	shape := cosine
	if o.Linear {
		shape = func(part float64) float64 { return part }
	}
	return func(step int) float64 {
		t := float64(max(step, 0))
		switch down := up + up; {
		case t < up:
			return between(o.Rate, first, shape(1-t/up))
		case t >= last:
			return end
		case !o.ThreePhases:
			return between(end, o.Rate, shape((last-t)/(last-up)))
		case t < down:
			return between(first, o.Rate, shape((down-t)/up))
		default:
			return between(end, first, shape((last-t)/(last-down)))
		}
	}
}

// Cyclic rises evenly from low to high in up steps and falls back in down
// steps, over and over. It panics unless both are positive. Smith, arXiv:1506.01186
// (there triangular).
func Cyclic(low, high float64, up, down int) Schedule {
	positive("Cyclic", "up", up)
	positive("Cyclic", "down", down)
	return func(step int) float64 {
		return between(low, high, wave(step, up, down))
	}
}

// CyclicHalving is [Cyclic], each cycle half as high above low as the one before (there triangular2).
func CyclicHalving(low, high float64, up, down int) Schedule {
	positive("CyclicHalving", "up", up)
	positive("CyclicHalving", "down", down)
	return func(step int) float64 {
		return between(low, high, float64(wave(step, up, down)*powi(0.5, max(step, 0)/(up+down))))
	}
}

// CyclicDecay is [Cyclic] with its height above low multiplied by factor^step (there exp_range).
func CyclicDecay(low, high, factor float64, up, down int) Schedule {
	positive("CyclicDecay", "up", up)
	positive("CyclicDecay", "down", down)
	return func(step int) float64 {
		return between(low, high, float64(wave(step, up, down)*powi(factor, max(step, 0))))
	}
}

// wave returns the height at step, from 0 to 1, of a wave that rises in up steps and falls in down.
func wave(step, up, down int) float64 {
	t := max(step, 0) % (up + down)
	if t <= up {
		return float64(t) / float64(up)
	}
	return float64(up+down-t) / float64(down)
}

// left returns the part of the steps that is left: 1 at step 0, 0 from step steps on.
func left(step, steps int) float64 {
	return float64(steps-min(max(step, 0), steps)) / float64(steps)
}

// cosine is half a cosine wave, from 0 at 0 to 1 at 1, flat at both.
func cosine(part float64) float64 {
	return math.FMA(-0.5, cos(math.Pi*part), 0.5)
}

// between returns low at part 0, high at part 1, and evenly what is between.
func between(low, high, part float64) float64 {
	return math.FMA(part, high, float64((1-part)*low))
}

func positive(op, name string, n int) {
	if n <= 0 {
		panic(fmt.Sprintf("nn: %s: %s is %d; it must be positive", op, name, n))
	}
}

// A Plateau lowers the learning rate when a metric no longer improves:
//
//	plateau := &nn.Plateau{LearningRate: 0.1}
//	optimizer := &nn.SGD{Schedule: plateau.Schedule()}
//	...
//	for range trainer.Train(train, 100) {
//		plateau.After(trainer.Evaluate(valid))
//	}
//
// After more than Patience reports in a row that are not better than the best
// so far, the rate is multiplied by Factor. Its fields are all its state: to go on
// later, keep them, for example as JSON.
type Plateau struct {
	LearningRate float64 // now; must be positive at first
	MinRate      float64 // goes no lower
	Factor       float64 // in (0, 1); 0 means 0.1
	Patience     int     // reports without improvement to bear; 0 means 10
	Cooldown     int     // reports after a reduction that do not count
	Threshold    float64 // how much better is better, as a part of |Best|; 0 means 1e-4
	Absolute     bool    // Threshold is a difference, not a part
	Maximize     bool    // larger is better

	Best    float64 // metric, if Started
	Started bool    // there was a report of a finite number
	Bad     int     // reports in a row without improvement
	Cooling int     // reports that will not count
}

// After notes a metric, usually the loss on data that are not trained on, and
// reports whether it lowered the learning rate. NaN and infinities are no improvement.
func (p *Plateau) After(metric float64) bool {
	factor := coefficient("Plateau", "Factor", p.Factor, 0.1)
	if p.better(metric) {
		p.Best, p.Started, p.Bad = metric, true, 0
	} else {
		p.Bad++
	}
	if p.Cooling > 0 {
		p.Cooling--
		p.Bad = 0
	}
	patience := p.Patience
	if patience == 0 {
		patience = 10
	}
	if p.Bad <= patience {
		return false
	}
	p.Bad, p.Cooling = 0, p.Cooldown
	before := p.LearningRate
	p.LearningRate = min(before, max(before*factor, p.MinRate))
	return p.LearningRate < before
}

func (p *Plateau) better(metric float64) bool {
	if math.IsNaN(metric) || math.IsInf(metric, 0) {
		return false
	}
	if !p.Started {
		return true
	}
	margin := or(p.Threshold, 1e-4)
	if !p.Absolute {
		margin = float64(margin * math.Abs(p.Best))
	}
	if p.Maximize {
		return metric > p.Best+margin
	}
	return metric < p.Best-margin
}

// Rate returns the learning rate now.
func (p *Plateau) Rate() float64 { return p.LearningRate }

// Schedule returns the Schedule that is [Plateau.Rate] at the time of the step,
// whatever its number. It panics if there is no LearningRate.
func (p *Plateau) Schedule() Schedule {
	if !(p.LearningRate > 0) {
		panic(fmt.Sprintf("nn: Plateau: LearningRate is %v; it must be positive", p.LearningRate))
	}
	return func(int) float64 { return p.LearningRate }
}
