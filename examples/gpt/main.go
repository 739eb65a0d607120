// Command gpt trains a transformer to write the next character of a text, and
// lets it write.
//
//	go run ./examples/gpt                       # first names; they are part of the program
//	go run ./examples/gpt -text FILE            # any text in UTF-8
//	go run ./examples/gpt -save names.ckpt      # a checkpoint after every epoch
//	go run ./examples/gpt -resume names.ckpt    # goes on from there, or writes only
//
// After every epoch it prints how many bits the network needs for a character
// of the last tenth of the text, which it is not trained on, and writes a
// little. Training that is resumed, with the same text and flags, goes on to
// the same bits as if it had never stopped.
//
// To write a character takes one or two steps of the network, however long the
// text: a session keeps what attention needs of the characters before.
package main

import (
	_ "embed"
	"flag"
	"fmt"
	"iter"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"

	"github.com/seed55f1b796/nn"
)

//go:embed data/names.txt
var names string

func main() {
	log.SetFlags(0)
	file := flag.String("text", "", "file with the text to learn; without it, first names")
	save := flag.String("save", "", "file to save a checkpoint in after every epoch")
	resume := flag.String("resume", "", "checkpoint to go on from")
	prompt := flag.String("prompt", "\n", "text to go on from when writing")
	length := flag.Int("length", 400, "characters to write in the end")
	temperature := flag.Float64("temperature", 0.8, "1: characters as likely as the network says; 0: the most likely only")
	var c config
	flag.IntVar(&c.window, "window", 32, "characters that the network looks back at")
	flag.IntVar(&c.width, "width", 64, "features of a character, a multiple of 16")
	flag.IntVar(&c.blocks, "blocks", 3, "blocks of the transformer")
	flag.Float64Var(&c.dropout, "dropout", 0.05, "part of the features to drop in training")
	flag.IntVar(&c.epochs, "epochs", 16, "epochs, of 100 batches of 32 windows each")
	flag.Parse()
	check(c.check())
	if !(*temperature >= 0) || flag.NArg() > 0 {
		log.Fatalf("the temperature is %v, and must not be negative; arguments besides flags: %q", *temperature, flag.Args())
	}

	text := names
	if *file != "" {
		b, err := os.ReadFile(*file)
		check(err)
		text = string(b)
	}
	m := newModel(text, c)
	if *prompt == "\n" && !strings.Contains(text, "\n") {
		*prompt = "" // the default is no character of this text
	}
	m.indices(*prompt) // fails now, not after an epoch
	fmt.Print(m.trainer.Net)
	if *resume != "" {
		check(m.trainer.ResumeFile(*resume))
	}
	for epoch := range m.train() {
		if *save != "" {
			check(m.trainer.SaveFile(*save))
		}
		fmt.Printf("%v  bits a character: %.3f in training, %.3f on text not seen\n\t%q\n", epoch,
			epoch.Loss/math.Ln2, m.trainer.Evaluate(m.valid)/math.Ln2, m.write(*prompt, 70, *temperature))
	}
	fmt.Println(*prompt + m.write(*prompt, *length, *temperature))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

type config struct {
	window, width, blocks, epochs int
	dropout                       float64
}

// check returns an error if there is no such model.
func (c config) check() error {
	switch {
	case c.window < 1:
		return fmt.Errorf("the window is %d; it must be positive", c.window)
	case c.width < 16 || c.width%16 != 0:
		return fmt.Errorf("the width is %d; it must be a positive multiple of 16", c.width)
	case c.blocks < 0:
		return fmt.Errorf("there can't be %d blocks", c.blocks)
	case !(c.dropout >= 0 && c.dropout < 1):
		return fmt.Errorf("dropout is %v; it must be at least 0 and less than 1", c.dropout)
	}
	return nil
}

const batches, batchSize = 100, 32 // of an epoch

// A model is a transformer and the text that it learns.
type model struct {
	config
	alphabet []rune     // the characters of the text, in order
	text     []float64  // to train on, as places in the alphabet
	valid    nn.Dataset // the rest
	source   *rand.PCG  // of the network, and of the windows that it is trained on
	trainer  nn.Trainer
}

func newModel(text string, c config) *model {
	alphabet := []rune(text)
	slices.Sort(alphabet)
	m := &model{config: c, alphabet: slices.Compact(alphabet), source: rand.NewPCG(1, 2)}
	all := m.indices(text)
	cut := len(all) * 9 / 10
	m.text, m.valid = all[:cut], windows(all[cut:], c.window)

	layers := nn.Layers{nn.Embedding(len(m.alphabet), c.width), nn.Positions(), nn.Dropout(c.dropout)}
	for range c.blocks {
		attention := nn.Attention(c.width / 16).WithCausalMask()
		layers = append(layers, nn.TransformerBlock(attention, c.width, 4*c.width, c.dropout)...)
	}
	layers = append(layers, nn.LayerNorm(), nn.Dense(len(m.alphabet)), nn.Softmax())
	m.trainer = nn.Trainer{
		Net: nn.New(m.source, nn.Input(c.window), layers...),
		Optimizer: &nn.Adam{
			Schedule:    nn.Warmup(batches, nn.CosineDecay(3e-3, max(c.epochs-1, 1)*batches)),
			Beta2:       0.99,
			WeightDecay: 0.1,
		},
		ClipNorm: 1,
	}
	return m
}

// indices returns the places in the alphabet of the characters of text.
func (m *model) indices(text string) []float64 {
	var indices []float64
	for _, r := range text {
		i, ok := slices.BinarySearch(m.alphabet, r)
		if !ok {
			log.Fatalf("the character %q is not in the text to learn", r)
		}
		indices = append(indices, float64(i))
	}
	return indices
}

// windows cuts a text into windows, each of which begins in the middle of the
// one before. The target of a character is the next one. A target of −100 does
// not count: those of the first half would be guesses from few characters, and
// are in the window before.
func windows(text []float64, size int) nn.Dataset {
	if len(text) <= size {
		log.Fatalf("the last tenth of the text has %d characters, too few for a window of %d", len(text), size)
	}
	half := (size + 1) / 2
	n := (len(text)-1-size)/half + 1
	d := nn.Dataset{X: nn.NewMatrix(n, size), Y: nn.NewMatrix(n, size).Fill(-100)}
	for i := range n {
		copy(d.X.Row(i), text[i*half:])
		copy(d.Y.Row(i)[size/2:], text[i*half+size/2+1:])
	}
	return d
}

// train trains for the epochs that are left, on windows from anywhere in the
// text. The source that they are drawn from is part of a checkpoint.
func (m *model) train() iter.Seq[nn.Epoch] {
	rng := rand.New(m.source)
	x, y := nn.NewMatrix(batchSize, m.window), nn.NewMatrix(batchSize, m.window)
	epoch := func(yield func(x, y *nn.Matrix) bool) {
		for range batches {
			for i := range batchSize {
				at := rng.IntN(len(m.text) - m.window)
				copy(x.Row(i), m.text[at:])
				copy(y.Row(i), m.text[at+1:])
			}
			if !yield(x, y) {
				return
			}
		}
	}
	return m.trainer.TrainStream(epoch, m.epochs-len(m.trainer.History))
}

// write returns what the network writes after prompt. It draws from a source
// of its own, so that training does not depend on it.
func (m *model) write(prompt string, length int, temperature float64) string {
	session, err := nn.NewSession(m.trainer.Net)
	check(err)
	text, written, rng := m.indices(prompt), []rune{}, rand.New(rand.NewPCG(3, 4))
	x, y := nn.NewMatrix(1, 1), nn.NewMatrix(1, len(m.alphabet)).Fill(1)
	for read := 0; len(written) < length; {
		for ; read < len(text); read++ {
			if session.Len() == m.window { // there are no more positions: read the last half again
				session.Reset()
				read -= m.window / 2
			}
			x.Data[0] = text[read]
			session.StepTo(y, x)
		}
		next := draw(y, temperature, rng)
		text = append(text, float64(next))
		written = append(written, m.alphabet[next])
	}
	return string(written)
}

// draw returns i with a probability in proportion to pᵢ^(1/temperature). It
// changes p.
func draw(p *nn.Matrix, temperature float64, rng *rand.Rand) int {
	best := p.ArgMax(0)
	p.Pow(p, 1/temperature)
	left := float64(rng.Float64() * p.Sum())
	for i, v := range p.Data {
		if left -= v; left < 0 {
			return i
		}
	}
	return best
}
