package nn

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

// sequenceBitsHash is of the networks that TestSequenceBits trains, as bitsHash.
const sequenceBitsHash = "caa44d1b74eaccedaaed2121954996fa61c181082de5c34e7a3bc1b68f2a6e68"

// TestSequenceBits trains networks of the layers that normalize and that
// recur, large enough to be split.
func TestSequenceBits(t *testing.T) {
	for _, procs := range []int{1, 2, 7} {
		old := runtime.GOMAXPROCS(procs)
		h := sha256.New()
		for _, layers := range []Layers{
			{Bidirectional(LSTM(17), GRU(16).WithLearnedState()), LayerNorm(), LSTM(33).WithLearnedState(), BatchNorm().WithSteps(), Residual(RMSNorm(), RNN(33)), RNN(5).WithReLU(), Last()},
			{GRU(40), Last(), BatchNorm()},
			{Reshape(4, 5, 3), BatchNorm(), ChannelDropout(0.25), GroupNorm(2), InstanceNorm(), LayerNorm().WithDims(3), Flatten()},
		} {
			net := New(rand.NewPCG(1, 2), Input(6, 10), append(layers, Dense(3), Softmax())...)
			rng := testRand()
			d := Dataset{randomMatrix(rng, 90, 60), NewMatrix(90, 1)}
			for i := range d.Y.Data {
				d.Y.Data[i] = float64(intN(rng, 3))
			}
			tr := Trainer{Net: net, BatchSize: 70}
			for range tr.Train(d, 2) {
			}
			if err := net.Save(h); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(h, "%x", net.Predict(d.X).Data)
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != sequenceBitsHash {
			t.Errorf("with GOMAXPROCS %d trained networks have the hash %s, want %s", procs, got, sequenceBitsHash)
		}
		runtime.GOMAXPROCS(old)
	}
}
