package nn_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed55f1b796/nn"
)

// A small GPT learns to go on with sequences that count up by 1 or by 2, from 9
// to 0 again, and then generates one, a digit a step.
func ExampleTransformerBlock() {
	const digits, steps, width = 10, 8, 16
	net := nn.New(rand.NewPCG(1, 2), nn.Input(steps),
		nn.Embedding(digits, width), nn.Positions(),
		nn.TransformerBlock(nn.Attention(2).WithCausalMask(), width, 4*width, 0),
		nn.LayerNorm(), nn.Dense(digits), nn.Softmax())

	// At every step the target is the digit that follows.
	data := nn.Dataset{X: nn.NewMatrix(2*digits, steps), Y: nn.NewMatrix(2*digits, steps)}
	for i := range data.Len() {
		first, by := i/2, 1+i%2
		for t := range steps {
			data.X.Set(i, t, float64((first+t*by)%digits))
			data.Y.Set(i, t, float64((first+(t+1)*by)%digits))
		}
	}
	trainer := nn.Trainer{Net: net, Optimizer: &nn.Adam{LearningRate: 0.01}}
	for range trainer.Train(data, 80) {
	}

	session, err := nn.NewSession(net)
	if err != nil {
		fmt.Println(err)
		return
	}
	session.Step(nn.NewMatrix(1, 1, 3))
	next := nn.NewMatrix(1, 1, 5)
	for session.Len() < steps {
		fmt.Print(next.At(0, 0), " ")
		y := session.Step(next)
		next.Set(0, 0, float64(y.ArgMax(0)))
	}
	fmt.Println(next.At(0, 0))
	// Output: 5 7 9 1 3 5 7 9
}

// With a causal mask no step sees those after it: another last step changes the
// last output only.
func ExampleAttention() {
	net := nn.New(rand.NewPCG(1, 2), nn.Input(3, 4), nn.Attention(2).WithCausalMask())
	x := nn.NewMatrix(2, 12,
		1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7, 6,
		1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0)
	y := net.Predict(x).Reshape(6, 4) // a step in each row
	for t := range 3 {
		fmt.Println(t, y.RowRange(t, t+1).Equal(y.RowRange(3+t, 4+t), 0))
	}
	// Output:
	// 0 true
	// 1 true
	// 2 false
}

// Attention alone sees no order: the steps reversed have the same mean. With rotary
// positions it does.
func ExampleAttentionLayer_WithRotary() {
	x := nn.NewMatrix(2, 12,
		1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7, 6,
		9, 8, 7, 6, 5, 6, 7, 8, 1, 2, 3, 4)
	for _, attention := range []*nn.AttentionLayer{nn.Attention(2), nn.Attention(2).WithRotary()} {
		net := nn.New(rand.NewPCG(1, 2), nn.Input(3, 4), attention, nn.MeanSteps())
		y := net.Predict(x)
		fmt.Println(y.RowRange(0, 1).Equal(y.RowRange(1, 2), 1e-9))
	}
	// Output:
	// true
	// false
}

// The first three steps of a sequence attend to all ten of it: the branches of Concat
// give the queries and the rest.
func ExampleCrossAttention() {
	net := nn.New(rand.NewPCG(1, 2), nn.Input(10, 16),
		nn.Concat(
			nn.Layers{nn.Steps(0, 3), nn.Dense(16), nn.Positions()},
			nn.Layers{nn.Dense(16), nn.SinusoidalPositions()}),
		nn.Residual(nn.CrossAttention(4, 3)).WithShortcut(nn.Steps(0, 3)),
		nn.RMSNorm(), nn.MeanSteps(), nn.Dense(2), nn.Softmax())
	for k := range len(net.Layers()) {
		fmt.Println(net.Prefix(k + 1).Out())
	}
	// Output:
	// (13, 16)
	// (3, 16)
	// (3, 16)
	// (16)
	// (2)
	// (2)
}
