package nn

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

// layerBitsHash is of the networks that TestBitsLayers trains, as bitsHash.
const layerBitsHash = "9df63e73d527d0924e4487ba7d1ce4c772da4b377d0922fcdbf394d71da256c5"

// TestBitsLayers trains networks of the layers that convolve, pool, normalize,
// recur and attend, large enough to be split, with every set of kernels.
func TestBitsLayers(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		for _, procs := range []int{1, 2, 7} {
			old := runtime.GOMAXPROCS(procs)
			if got := layersHash(t); got != layerBitsHash {
				t.Errorf("with GOMAXPROCS %d trained networks have the hash %s, want %s", procs, got, layerBitsHash)
			}
			runtime.GOMAXPROCS(old)
		}
	})
}

func layersHash(t *testing.T) string {
	h := sha256.New()
	sequence, image := Input(6, 10), Input(4, 9, 8)
	for _, n := range []struct {
		in     Shape
		layers Layers
	}{
		{sequence, Layers{Bidirectional(LSTM(17), GRU(16).WithLearnedState()), LayerNorm(), LSTM(33).WithLearnedState(), BatchNorm().WithSteps(), Residual(RMSNorm(), RNN(33)), RNN(5).WithReLU(), Last()}},
		{sequence, Layers{GRU(40), Last(), BatchNorm()}},
		{sequence, Layers{Padding(), SinusoidalPositions(), Positions(), TransformerBlock(Attention(1).WithCausalMask().WithRotary(), 10, 24, 0.1), MeanSteps()}},
		{sequence, Layers{CrossAttention(5, 2), Steps(0, 1), Flatten()}},
		{sequence, Layers{Conv1D(7, 3).WithPadding(1), ReLU, MaxPool1D(2), AvgPool1D(2), Flatten()}},
		{image, Layers{Conv2D(8, 3).WithSamePadding(), BatchNorm(), ReLU, ChannelDropout(0.25), MaxPool2D(2), GroupNorm(2), Conv2D(6, 3).WithGroups(2).WithStride(2).WithPadding(1), InstanceNorm(), Flatten()}},
		{image, Layers{Conv2D(4, 3).WithGroups(4).WithPadding(1), ConvTranspose2D(5, 2).WithStride(2), LayerNorm().WithDims(3), AvgPool2D(3), AdaptiveAvgPool2D(2, 3), Conv2D(3, 2).WithDilation(1), Concat(Layers{GlobalAvgPool2D()}, Layers{GlobalMaxPool2D()})}},
	} {
		net := New(rand.NewPCG(1, 2), n.in, append(n.layers, Dense(3), Softmax())...)
		rng := testRand()
		d := Dataset{randomMatrix(rng, 90, n.in.Size()), NewMatrix(90, 1)}
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
	return hex.EncodeToString(h.Sum(nil))
}
