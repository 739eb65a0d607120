package nn

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"strconv"
	"strings"
)

// ReadTorch reads the tensors of a file that torch.save of PyTorch 1.6 or later
// wrote, usually
//
//	torch.save(model.state_dict(), "model.pt")
//
// from r, which has size bytes. Tensors and parameters may be of float64, float32,
// float16, bfloat16, integers of up to 64 bits, or bool, which becomes 0 and 1; each
// number becomes a float64 as in [ReadTensors]. They may stand in dictionaries and
// lists, also within others: then their names are the keys and indices on the way
// to them, with dots between, as "model.0.weight" in
//
//	torch.save({"model": model.state_dict(), "epoch": 3}, "model.pt")
//
// and what is not a tensor, such as the epoch, is left out. A tensor that was saved
// alone has the name "". Tensors that share memory in PyTorch may share it here.
//
// The file is a program in Python's pickle format, but no code of it is executed:
// ReadTorch knows the few functions that make tensors, and returns an error that
// names any other, such as the class of a model that was saved whole. The file may
// come from a stranger: whatever it is, ReadTorch does not panic and allocates memory
// in proportion to its size. The error is a [FormatError] unless r fails. It panics
// if size is negative.
func ReadTorch(r io.ReaderAt, size int64) (Tensors, error) {
	if size < 0 {
		panic(fmt.Sprintf("nn: ReadTorch: size is %d", size))
	}
	ts, err := readTorch(r, size)
	if err != nil {
		return nil, fmt.Errorf("nn: ReadTorch: %w", err)
	}
	return ts, nil
}

// ReadTorchFile is [ReadTorch] from a file.
func ReadTorchFile(name string) (Tensors, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("nn: ReadTorchFile: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("nn: ReadTorchFile: %w", err)
	}
	ts, err := readTorch(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("nn: ReadTorchFile: %s: %w", name, err)
	}
	return ts, nil
}

// The file is a zip archive of uncompressed entries, all below one directory whose
// name does not matter:
//
//	data.pkl   a pickle of what was saved, with tensors as views of storages
//	data/KEY   the numbers of a storage
//	byteorder  little or big; if there is none, little
//
// A storage is one-dimensional; element i, j, … of a tensor is the number
// offset + i·stride₀ + j·stride₁ + … of its storage.
type torchFile struct {
	entries  map[string]*zip.File // by name without the directory
	order    binary.ByteOrder
	storages map[string]*torchStorage

	unread int64 // how many bytes entries may have that were not read
	budget int64 // how much the tensors may take beyond the storages
}

type torchStorage struct {
	kind pickleGlobal
	n    int
	data []float64 // nil: not read
}

type torchTensor struct {
	storage *torchStorage
	key     string // of the storage
	offset  int
	shape   Shape
	strides []int
}

var torchNumbers = map[pickleGlobal]number{
	"torch DoubleStorage": numF64, "torch FloatStorage": numF32, "torch HalfStorage": numF16, "torch BFloat16Storage": numBF16,
	"torch CharStorage": numI8, "torch ShortStorage": numI16, "torch IntStorage": numI32, "torch LongStorage": numI64,
	"torch ByteStorage": numU8, "torch BoolStorage": numBool,
}

const (
	torchOrderedDict = "collections OrderedDict"
	torchSize        = "torch Size"
	torchTensorV2    = "torch._utils _rebuild_tensor_v2"
	torchParameter   = "torch._utils _rebuild_parameter"

	torchRank  = 64 // dimensions of a tensor
	torchDepth = 64 // dictionaries within dictionaries
)

func readTorch(r io.ReaderAt, size int64) (Tensors, error) {
	f := torchFile{order: binary.LittleEndian, storages: map[string]*torchStorage{}, unread: size}
	// Views that overlap, and names with a long beginning in common, can be many times
	// as large as what they are made of.
	f.budget = 1<<20 + 4*min(size, 1<<50)
	r = io.NewSectionReader(r, 0, size) // offsets in the directory may lie outside
	if err := f.open(r, size); err != nil {
		return nil, err
	}
	text, err := f.readAll("data.pkl")
	if err != nil {
		return nil, err
	}
	m := pickleMachine{global: checkTorchGlobal, call: callTorch, persist: f.persist}
	v, err := m.run(text)
	if err != nil {
		return nil, fmt.Errorf("data.pkl: %w", err)
	}
	ts := Tensors{}
	if err := f.collect(ts, "", v, 0); err != nil {
		return nil, err
	}
	return ts, nil
}

// open reads the directory of the archive, and its byte order.
func (f *torchFile) open(r io.ReaderAt, size int64) error {
	var magic [4]byte
	if _, err := r.ReadAt(magic[:], 0); err != nil && err != io.EOF {
		return err
	}
	if string(magic[:2]) == "\x80\x02" {
		return badFormat("this is a bare pickle, as torch.save wrote before PyTorch 1.6; load it there and save it again")
	}
	z, err := zip.NewReader(r, size)
	if errors.Is(err, zip.ErrFormat) {
		return badFormat("%v; ReadTensors reads a safetensors file", err)
	}
	if err != nil {
		return zipError(err)
	}
	dir := ""
	for _, e := range z.File {
		d, name, _ := strings.Cut(e.Name, "/")
		if name != "data.pkl" {
			continue
		}
		if dir != "" {
			return badFormat("it has more than one data.pkl")
		}
		dir = d + "/"
	}
	if dir == "" {
		return badFormat("it has no data.pkl; this is not a file of torch.save")
	}
	f.entries = make(map[string]*zip.File, len(z.File))
	for _, e := range z.File {
		name, ok := strings.CutPrefix(e.Name, dir)
		if !ok {
			continue
		}
		if f.entries[name] != nil {
			return badFormat("it has the entry %.80q twice", name)
		}
		f.entries[name] = e
	}
	if f.entries["constants.pkl"] != nil {
		return badFormat("this is TorchScript, of torch.jit.save; save model.state_dict() with torch.save")
	}
	if f.entries["byteorder"] == nil {
		return nil
	}
	order, err := f.readAll("byteorder")
	if err != nil {
		return err
	}
	switch string(order) {
	case "little":
	case "big":
		f.order = binary.BigEndian
	default:
		return badFormat("its byte order is %.80q", order)
	}
	return nil
}

// zipError returns an error of archive/zip, as a FormatError unless it comes from
// the reader below.
func zipError(err error) error {
	for _, e := range []error{zip.ErrFormat, zip.ErrAlgorithm, zip.ErrChecksum, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, e) {
			return badFormat("%v", err)
		}
	}
	return err
}

// read calls what with the content of an entry and its length, and checks that
// all was read and has the checksum that it should.
func (f *torchFile) read(name string, what func(r io.Reader, size int64) error) error {
	e := f.entries[name]
	if e == nil {
		return badFormat("the entry %.80q is missing", name)
	}
	size := e.UncompressedSize64
	switch {
	case e.Method != zip.Store || e.Flags&1 != 0 || e.CompressedSize64 != size:
		return badFormat("the entry %.80q is compressed or encrypted; torch.save writes neither", name)
	case size > uint64(f.unread): // entries that share their bytes would have them read again and again
		return badFormat("the entry %.80q has %d bytes, more than the file has left", name, size)
	}
	f.unread -= int64(size)
	r, err := e.Open()
	if err == nil {
		err = what(r, int64(size))
	}
	if err == nil { // the end is where the checksum is compared
		var b [1]byte
		if _, err = io.ReadFull(r, b[:]); err == io.EOF {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("entry %.80q: %w", name, zipError(err))
	}
	return badFormat("the entry %.80q is longer than it says", name)
}

func (f *torchFile) readAll(name string) (b []byte, err error) {
	err = f.read(name, func(r io.Reader, _ int64) (err error) {
		b, err = io.ReadAll(r)
		return err
	})
	return b, err
}

func checkTorchGlobal(name pickleGlobal) error {
	switch name {
	case torchOrderedDict, torchSize, torchTensorV2, torchParameter:
		return nil
	}
	if _, ok := torchNumbers[name]; ok {
		return nil
	}
	return badFormat("it needs %.80q, which is not known; save model.state_dict(), or tensors alone", strings.ReplaceAll(string(name), " ", "."))
}

// callTorch does what the functions do that make tensors.
func callTorch(f pickleGlobal, args pickleTuple) (any, error) {
	switch {
	case f == torchOrderedDict && len(args) == 0: // filled later
		return new(pickleDict), nil
	case f == torchSize && len(args) == 1:
		return args[0], nil
	case f == torchParameter && len(args) == 3: // tensor, requires_grad, hooks
		if t, ok := args[0].(*torchTensor); ok {
			return t, nil
		}
	case f == torchTensorV2 && (len(args) == 6 || len(args) == 7): // storage, offset, size, stride, requires_grad, hooks, metadata
		t, ok := args[0].(torchTensor)
		offset, ok1 := pickleInts(args[1:2])
		shape, ok2 := pickleInts(args[2])
		strides, ok3 := pickleInts(args[3])
		if ok && ok1 && ok2 && ok3 && len(shape) == len(strides) {
			t.offset, t.shape, t.strides = offset[0], shape, strides
			return &t, nil
		}
	}
	return nil, badFormat("it calls %.80q with arguments of an unknown kind", strings.ReplaceAll(string(f), " ", "."))
}

// pickleInts returns the elements of a tuple of numbers that are not negative.
func pickleInts(v any) ([]int, bool) {
	t, ok := v.(pickleTuple)
	if !ok || len(t) > torchRank {
		return nil, false
	}
	ns := make([]int, len(t))
	for i, v := range t {
		n, ok := v.(int64)
		if !ok || n < 0 || n > maxElements {
			return nil, false
		}
		ns[i] = int(n)
	}
	return ns, true
}

// persist returns the storage that the pickle refers to, as a tensor without a shape.
func (f *torchFile) persist(id any) (any, error) {
	t, _ := id.(pickleTuple) // "storage", type, key, device, length
	if len(t) != 5 || t[0] != "storage" {
		return nil, badFormat("it refers to something other than a storage")
	}
	kind, _ := t[1].(pickleGlobal)
	key, ok := t[2].(string)
	n, ok2 := pickleInts(t[4:])
	if _, known := torchNumbers[kind]; !known || !ok || !ok2 {
		return nil, badFormat("it refers to a storage of an unknown kind")
	}
	s := f.storages[key]
	if s == nil {
		s = &torchStorage{kind: kind, n: n[0]}
		f.storages[key] = s
	}
	if s.kind != kind || s.n != n[0] {
		return nil, badFormat("it has storage %.80q in two kinds or lengths", key)
	}
	return torchTensor{storage: s, key: key}, nil
}

// spend returns an error if the tensors take more than there could be a reason for.
func (f *torchFile) spend(n int) error {
	if f.budget -= int64(n); f.budget < 0 {
		return badFormat("its tensors, or their names, are many times larger than the file")
	}
	return nil
}

// collect adds the tensors in v, whose place is name, to ts.
func (f *torchFile) collect(ts Tensors, name string, v any, depth int) error {
	if err := f.spend(1 + len(name)); err != nil {
		return err
	}
	if depth > torchDepth {
		return badFormat("it is nested too deep")
	}
	item := func(key string, v any) error {
		if depth > 0 {
			key = name + "." + key
		}
		return f.collect(ts, key, v, depth+1)
	}
	list := func(items []any) error {
		for i, v := range items {
			if err := item(strconv.Itoa(i), v); err != nil {
				return err
			}
		}
		return nil
	}
	switch v := v.(type) {
	case *torchTensor:
		if _, ok := ts[name]; ok {
			return badFormat("it has two tensors of the name %.80q", name)
		}
		t, err := f.tensor(v)
		if err != nil {
			return fmt.Errorf("tensor %.80q: %w", name, err)
		}
		ts[name] = t
	case *pickleList:
		return list(v.items)
	case pickleTuple:
		return list(v)
	case *pickleDict:
		for i, k := range v.keys {
			key, ok := k.(string)
			if n, isInt := k.(int64); isInt {
				key, ok = strconv.FormatInt(n, 10), true
			}
			if !ok {
				return badFormat("%.80q has a key that is neither text nor a whole number", name)
			}
			if err := item(key, v.values[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// tensor returns t as a tensor of its own or, if its elements lie side by side, as a
// part of its storage.
func (f *torchFile) tensor(t *torchTensor) (Tensor, error) {
	n, ok := volume(t.shape)
	if !ok {
		return Tensor{}, badFormat("the product of its shape %v is too large", t.shape)
	}
	if n == 0 {
		return tensorOf(t.shape, nil), nil
	}
	// The stride of a dimension with a single index does not matter.
	last, dense := uint64(t.offset), true
	for i, next := len(t.shape)-1, 1; i >= 0; i-- {
		d := t.shape[i]
		if d == 1 {
			continue
		}
		dense = dense && t.strides[i] == next
		next *= d
		hi, lo := bits.Mul64(uint64(d-1), uint64(t.strides[i]))
		if last += lo; hi > 0 || lo >= uint64(t.storage.n) || last >= uint64(t.storage.n) {
			return Tensor{}, badFormat("its elements lie beyond the end of its storage of %d", t.storage.n)
		}
	}
	if last >= uint64(t.storage.n) {
		return Tensor{}, badFormat("its elements lie beyond the end of its storage of %d", t.storage.n)
	}
	if err := f.load(t); err != nil {
		return Tensor{}, err
	}
	if dense {
		return tensorOf(t.shape, t.storage.data[t.offset:][:n:n]), nil
	}
	if err := f.spend(n); err != nil {
		return Tensor{}, err
	}
	return tensorOf(t.shape, t.gather(n)), nil
}

// load reads the storage of t, once.
func (f *torchFile) load(t *torchTensor) error {
	s := t.storage
	if s.data != nil {
		return nil
	}
	return f.read("data/"+t.key, func(r io.Reader, size int64) (err error) {
		num := torchNumbers[s.kind]
		if size/int64(num.size) != int64(s.n) || size%int64(num.size) != 0 {
			return badFormat("it has %d bytes; %d elements of %d are needed", size, s.n, num.size)
		}
		s.data, err = readNumbers(r, s.n, num, f.order)
		return err
	})
}

// gather returns the n elements of t in order: like the digits of a number, the
// last index counts up, and carries to the one before.
func (t *torchTensor) gather(n int) []float64 {
	data, index := make([]float64, n), make([]int, len(t.shape))
	at := t.offset
	for i := range data {
		data[i] = t.storage.data[at]
		for k := len(index) - 1; k >= 0; k-- {
			at += t.strides[k]
			if index[k]++; index[k] < t.shape[k] {
				break
			}
			at -= t.shape[k] * t.strides[k]
			index[k] = 0
		}
	}
	return data
}
