package nn_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed55f1b796/nn"
)

// A network learns to say the next letter, and then spells the word. A session
// takes one letter at a time and remembers the others.
func ExampleSession() {
	const letters, word = "ehlo.", "hello."
	x, y := nn.NewMatrix(1, 5), nn.NewMatrix(1, 5)
	index := func(b byte) float64 {
		for i := range letters {
			if letters[i] == b {
				return float64(i)
			}
		}
		panic("not a letter")
	}
	for t := range 5 {
		x.Data[t], y.Data[t] = index(word[t]), index(word[t+1])
	}
	net := nn.New(rand.NewPCG(1, 2), nn.Input(5), nn.Embedding(5, 4), nn.LSTM(8), nn.Dense(5), nn.Softmax())
	trainer := nn.Trainer{Net: net, Optimizer: &nn.Adam{LearningRate: 0.03}}
	for range 100 {
		trainer.Step(x, y)
	}

	s, err := nn.NewSession(net)
	if err != nil {
		panic(err)
	}
	letter := nn.NewMatrix(1, 1, index('h'))
	fmt.Print("h")
	for range 5 {
		i := s.Step(letter).ArgMax(0)
		fmt.Printf("%c", letters[i])
		letter.Data[0] = float64(i)
	}
	// Output: hello.
}

func ExampleBidirectional() {
	net := nn.New(nil, nn.Input(28, 28),
		nn.Bidirectional(nn.LSTM(64), nn.LSTM(64)),
		nn.LayerNorm(),
		nn.Last(),
		nn.Dense(10), nn.Softmax())
	fmt.Print(net)
	// Output:
	// layer                              output     parameters
	//    input                              (28, 28)
	// 0  Bidirectional(LSTM(64), LSTM(64))  (28, 128)  47,616
	// 1  LayerNorm()                        (28, 128)  256
	// 2  Last()                             (128)      0
	// 3  Dense(10)                          (10)       1,290
	// 4  Softmax()                          (10)       0
	// total: 49,162 parameters
}
