// Command digits learns to read handwritten digits, and shows how well it does.
//
//	go run ./examples/digits
//
// The data, 1,797 images of 8×8 pixels, are part of the program; data/README.md
// names their source and licence.
package main

import (
	"bytes"
	"embed"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed55f1b796/nn"
)

//go:embed data/*.gz
var files embed.FS

func main() {
	log.SetFlags(0)
	all := readData()
	train, test := all.SplitStratified(1437, rand.New(rand.NewPCG(1, 1)))

	net := nn.New(rand.NewPCG(1, 2), nn.Input(64),
		nn.Dense(128), nn.ReLU, nn.Dropout(0.2),
		nn.Dense(64), nn.ReLU, nn.Dropout(0.2),
		nn.Dense(10), nn.Softmax())
	fmt.Print(net, "\n")

	trainer := nn.Trainer{
		Net:       net,
		Loss:      nn.SmoothCrossEntropy(0.05),
		Optimizer: &nn.Adam{Schedule: nn.CosineDecay(3e-3, 40*45)},
		Progress:  os.Stdout,
	}
	for range trainer.Train(train, 40) {
	}
	fmt.Printf("\nmean loss of each epoch\n%s\n", chart(trainer.History))

	y := net.Predict(test.X)
	fmt.Printf("test accuracy: %.2f%% of %d images that it has not seen\n\n", 100*nn.Accuracy(y, test.Y), test.Len())
	fmt.Printf("confusion matrix (row: digit, column: answer)\n%.0f\n\n", nn.Confusion(y, test.Y))
	fmt.Println(nn.Report(y, test.Y))
	drawMisread(y, test, 4)

	path := filepath.Join(os.TempDir(), "digits.safetensors")
	if err := net.SaveFile(path); err != nil {
		log.Fatal(err)
	}
	loaded, err := nn.LoadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("saved to %s; loaded, it predicts the same: %v\n", path, slices.Equal(loaded.Predict(test.X).Data, y.Data))
}

func readData() nn.Dataset {
	read := func(name string) *nn.Matrix {
		b, err := files.ReadFile("data/" + name)
		if err != nil {
			log.Fatal(err)
		}
		m, err := nn.ReadIDX(bytes.NewReader(b))
		if err != nil {
			log.Fatal(err)
		}
		return m
	}
	x := read("digits-images-idx3-ubyte.gz")
	return nn.Dataset{X: x.Scale(1.0/16, x), Y: read("digits-labels-idx1-ubyte.gz")}
}

// chart draws the losses as a curve, ten lines high.
func chart(history []nn.Epoch) string {
	const height = 10
	top := history[0].Loss
	var b strings.Builder
	for h := range height {
		fmt.Fprintf(&b, "%6.2f │", top*float64(height-h)/height)
		for _, e := range history {
			switch v := e.Loss/top*height - float64(height-h-1); {
			case v >= 1:
				b.WriteString("█")
			case v >= 0.5:
				b.WriteString("▄")
			default:
				b.WriteString(" ")
			}
		}
		b.WriteString("\n")
	}
	return b.String() + "       └" + strings.Repeat("─", len(history)) + "\n"
}

// drawMisread draws the first few images that were taken for another digit.
func drawMisread(y *nn.Matrix, test nn.Dataset, most int) {
	for i := range test.Len() {
		digit, answer := int(test.Y.At(i, 0)), y.ArgMax(i)
		if digit == answer || most == 0 {
			continue
		}
		most--
		fmt.Printf("a %d, read as %d with probability %.2f\n", digit, answer, y.At(i, answer))
		for r := range 8 {
			for _, v := range test.X.Row(i)[8*r : 8*r+8] {
				fmt.Print(strings.Repeat(string([]rune(" ░▒▓█")[int(4*v)]), 2))
			}
			fmt.Println()
		}
		fmt.Println()
	}
}
