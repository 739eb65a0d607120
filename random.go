package nn

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// Random numbers are made here from the 64-bit words of a source and from
// nothing else, so that neither a Go release nor an architecture can change a
// stream: of a *rand.Rand only Uint64 is called.

// uniform returns a number from [0, 1), a multiple of 2⁻⁵³.
func uniform(rng *rand.Rand) float64 { return float64(rng.Uint64()>>11) * 0x1p-53 }

// normal returns a number from the standard normal distribution, by the
// method of Box and Muller from two words.
func normal(rng *rand.Rand) float64 { return boxMuller(rng.Uint64(), rng.Uint64()) }

// boxMuller returns √(−2·ln u)·cos(2πv) with u from (0, 1] and v from [0, 1).
func boxMuller(a, b uint64) float64 {
	u := float64(a>>11+1) * 0x1p-53
	v := float64(b>>11) * 0x1p-53
	return math.Sqrt(float64(-2*log(u))) * cos(float64(2*math.Pi*v))
}

// intN returns an even choice from 0, …, n−1, by Lemire's method
// (arXiv:1805.10941): the high word of n·x, but for the few x that would make
// some results more likely than others.
func intN(rng *rand.Rand, n int) int {
	m := uint64(n)
	hi, lo := bits.Mul64(rng.Uint64(), m)
	if lo < m {
		for least := -m % m; lo < least; {
			hi, lo = bits.Mul64(rng.Uint64(), m)
		}
	}
	return int(hi)
}

// shuffle puts perm in random order (Fisher and Yates).
func shuffle(perm []int, rng *rand.Rand) {
	for i := len(perm) - 1; i > 0; i-- {
		j := intN(rng, i+1)
		perm[i], perm[j] = perm[j], perm[i]
	}
}

// mix returns a hash of key and n, the output function of splitmix64 at
// position n of the stream that key begins. Masks and noise made by it need no
// order: element n has its number whoever computes it.
func mix(key, n uint64) uint64 {
	z := key + (n+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
