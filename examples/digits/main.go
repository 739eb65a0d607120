// Command digits learns to read handwritten digits, and shows how well it does.
//
//	go run ./examples/digits
//
// The data, 1,797 images of 8×8 pixels, are part of the program; data/README.md
// names their source and licence.
package main

import (
	"embed"
	"flag"
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
	path := flag.String("save", filepath.Join(os.TempDir(), "digits.safetensors"), "file to save the trained network in")
	flag.Parse()
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
	fmt.Println("\nmean loss of each epoch")
	chart(trainer.History)

	y := net.Predict(test.X)
	fmt.Printf("\ntest accuracy: %.2f%% of %d images that it has not seen\n\n", 100*nn.Accuracy(y, test.Y), test.Len())
	fmt.Printf("confusion matrix (row: digit, column: answer)\n%.0f\n\n", nn.Confusion(y, test.Y))
	fmt.Println(nn.Report(y, test.Y))
	drawMisread(y, test, 4)

	if err := net.SaveFile(*path); err != nil {
		log.Fatal(err)
	}
	loaded, err := nn.LoadFile(*path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("saved to %s; loaded, it predicts the same: %v\n", *path, slices.Equal(loaded.Predict(test.X).Data, y.Data))
}

func readData() nn.Dataset {
	read := func(name string) *nn.Matrix {
		file, err := files.Open("data/" + name)
		if err != nil {
			log.Fatal(err)
		}
		m, err := nn.ReadIDX(file)
		if err != nil {
			log.Fatal(err)
		}
		return m
	}
	x := read("digits-images-idx3-ubyte.gz")
	return nn.Dataset{X: x.Scale(1.0/16, x), Y: read("digits-labels-idx1-ubyte.gz")}
}

// chart draws the losses as a curve, from their largest at the top to 0.
func chart(history []nn.Epoch) {
	const height = 8
	for h := height; h > 0; h-- {
		fmt.Printf("%6.2f │", history[0].Loss*float64(h)/height)
		for _, e := range history {
			part := e.Loss/history[0].Loss*height - float64(h-1) // of this line
			fmt.Printf("%c", []rune(" ▄█")[int(2*max(0, min(part, 1)))])
		}
		fmt.Println()
	}
	fmt.Println("       └" + strings.Repeat("─", len(history)))
}

// drawMisread draws the first few images that were taken for another digit.
func drawMisread(y *nn.Matrix, test nn.Dataset, most int) {
	for i := range test.Len() {
		digit, answer := int(test.Y.At(i, 0)), y.ArgMax(i)
		if digit == answer || most == 0 {
			continue
		}
		most--
		fmt.Printf("a %d, read as %d with probability %.2f", digit, answer, y.At(i, answer))
		for k, v := range test.X.Row(i) {
			if k%8 == 0 {
				fmt.Println()
			}
			fmt.Print(strings.Repeat(string([]rune(" ░▒▓█")[int(4*v)]), 2))
		}
		fmt.Print("\n\n")
	}
}
