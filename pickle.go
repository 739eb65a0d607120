package nn

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// Python's pickle is a program for a machine with a stack and numbered memory (the
// memo), described in Lib/pickletools.py of CPython. It can call any function by
// its name; that is how it makes objects, and why a pickle from a stranger is
// dangerous in Python. Here the machine knows the operations that protocol 2
// needs for numbers, strings, tuples, lists and dictionaries; it calls nothing
// itself, but hands names and arguments to functions of Go, which know a few.

// What the machine computes is nil, bool, int64, float64, string, one of
// these, or what its functions return.
type (
	pickleTuple  []any
	pickleList   struct{ items []any }
	pickleDict   struct{ keys, values []any }
	pickleGlobal string // module and name, with a space between
)

// A pickleMachine runs a pickle. All that it allocates is in proportion to the
// length of the pickle.
type pickleMachine struct {
	global  func(name pickleGlobal) error                       // whether the name may be used
	call    func(f pickleGlobal, args pickleTuple) (any, error) // what a call returns
	persist func(id any) (any, error)                           // what is stored elsewhere

	in    []byte
	stack []any
	marks []int // heights of the stack
	memo  map[uint32]any
}

// run returns the value of the pickle in.
func (m *pickleMachine) run(in []byte) (any, error) {
	m.in, m.memo = in, map[uint32]any{}
	for {
		op, err := m.take(1)
		if err != nil {
			return nil, err
		}
		if op[0] == '.' { // STOP
			return m.pop()
		}
		if err := m.step(op[0]); err != nil {
			return nil, err
		}
	}
}

// take returns the next n bytes of the pickle.
func (m *pickleMachine) take(n int) ([]byte, error) {
	if n > len(m.in) {
		return nil, badFormat("it ends too early")
	}
	b := m.in[:n]
	m.in = m.in[n:]
	return b, nil
}

// line returns the bytes up to the next newline.
func (m *pickleMachine) line() ([]byte, error) {
	i := bytes.IndexByte(m.in, '\n')
	if i < 0 {
		return nil, badFormat("it ends too early")
	}
	b, err := m.take(i + 1)
	return b[:i], err
}

// uint returns the next n bytes, at most 4, as a little-endian number.
func (m *pickleMachine) uint(n int) (uint32, error) {
	b, err := m.take(n)
	if err != nil {
		return 0, err
	}
	var u [4]byte
	copy(u[:], b)
	return binary.LittleEndian.Uint32(u[:]), nil
}

func (m *pickleMachine) push(v any) error {
	m.stack = append(m.stack, v)
	return nil
}

// floor returns the height below which nothing may be popped.
func (m *pickleMachine) floor() int {
	if k := len(m.marks); k > 0 {
		return m.marks[k-1]
	}
	return 0
}

func (m *pickleMachine) pop() (any, error) {
	vs, err := m.popN(1)
	if err != nil {
		return nil, err
	}
	return vs[0], nil
}

// popN removes the last n values and returns them, until the next push.
func (m *pickleMachine) popN(n int) ([]any, error) {
	at := len(m.stack) - n
	if at < m.floor() {
		return nil, badFormat("it takes more from its stack than is there")
	}
	vs := m.stack[at:]
	m.stack = m.stack[:at]
	return vs, nil
}

// popMark removes all values after the last mark and the mark.
func (m *pickleMachine) popMark() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, badFormat("it goes back to a mark where there is none")
	}
	vs, err := m.popN(len(m.stack) - m.floor())
	m.marks = m.marks[:len(m.marks)-1]
	return vs, err
}

// step does one operation but STOP. The names are those of pickletools.
func (m *pickleMachine) step(op byte) error {
	switch op {
	case 0x80: // PROTO
		v, err := m.uint(1)
		if err == nil && v != 2 {
			err = badFormat("it is of pickle protocol %d; torch.save writes 2", v)
		}
		return err
	case '(': // MARK
		m.marks = append(m.marks, len(m.stack))
		return nil
	case 'N', 0x88, 0x89: // NONE, NEWTRUE, NEWFALSE
		return m.push(map[byte]any{'N': nil, 0x88: true, 0x89: false}[op])
	case 'K', 'M', 'J', 0x8a, 'G', 'X': // BININT1, BININT2, BININT, LONG1, BINFLOAT, BINUNICODE
		v, err := m.literal(op)
		if err != nil {
			return err
		}
		return m.push(v)
	case '}': // EMPTY_DICT
		return m.push(new(pickleDict))
	case ']': // EMPTY_LIST
		return m.push(new(pickleList))
	case ')': // EMPTY_TUPLE
		return m.push(pickleTuple{})
	case 0x85, 0x86, 0x87: // TUPLE1, TUPLE2, TUPLE3
		vs, err := m.popN(int(op - 0x84))
		if err != nil {
			return err
		}
		return m.push(append(pickleTuple{}, vs...))
	case 't': // TUPLE
		vs, err := m.popMark()
		if err != nil {
			return err
		}
		return m.push(append(pickleTuple{}, vs...))
	case 'a', 'e', 's', 'u': // APPEND, APPENDS, SETITEM, SETITEMS
		return m.fill(op)
	case 'q', 'r', 'h', 'j': // BINPUT, LONG_BINPUT, BINGET, LONG_BINGET
		return m.remember(op)
	case 'c', 'R', 'Q', 'b': // GLOBAL, REDUCE, BINPERSID, BUILD
		return m.object(op)
	}
	return badFormat("it has the operation %#02x, which no tensors need", op)
}

// literal returns the number or string that follows.
func (m *pickleMachine) literal(op byte) (any, error) {
	switch op {
	case 'K', 'M':
		v, err := m.uint(1 + int(op-'K')/2)
		return int64(v), err
	case 'J':
		v, err := m.uint(4)
		return int64(int32(v)), err
	case 0x8a: // as many bytes as the first says, little-endian, two's complement
		n, err := m.uint(1)
		if err == nil && n > 8 {
			err = badFormat("it has an integer of %d bytes; 8 are the most", n)
		}
		if err != nil || n == 0 {
			return int64(0), err
		}
		b, err := m.take(int(n))
		if err != nil {
			return nil, err
		}
		var u [8]byte
		copy(u[8-n:], b)
		return int64(binary.LittleEndian.Uint64(u[:])) >> (64 - 8*n), nil
	case 'G':
		b, err := m.take(8)
		if err != nil {
			return nil, err
		}
		return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
	}
	n, err := m.uint(4)
	if err == nil && uint64(n) > uint64(len(m.in)) {
		err = badFormat("it ends too early")
	}
	if err != nil {
		return nil, err
	}
	b, _ := m.take(int(n))
	if !utf8.Valid(b) {
		return nil, badFormat("it has a string that is not valid UTF-8")
	}
	return string(b), nil
}

// fill adds the last value, or all after the last mark, to the list or dictionary
// before.
func (m *pickleMachine) fill(op byte) (err error) {
	var vs []any
	switch op {
	case 'a':
		vs, err = m.popN(1)
	case 's':
		vs, err = m.popN(2)
	default:
		vs, err = m.popMark()
	}
	if err != nil {
		return err
	}
	if len(m.stack) == m.floor() {
		return badFormat("it takes more from its stack than is there")
	}
	switch c := m.stack[len(m.stack)-1].(type) {
	case *pickleList:
		if op == 'a' || op == 'e' {
			c.items = append(c.items, vs...)
			return nil
		}
	case *pickleDict:
		if (op == 's' || op == 'u') && len(vs)%2 == 0 {
			for i := 0; i < len(vs); i += 2 {
				c.keys, c.values = append(c.keys, vs[i]), append(c.values, vs[i+1])
			}
			return nil
		}
	}
	return badFormat("it adds items to what can't take them")
}

// remember puts the last value into the memo, or gets one from there.
func (m *pickleMachine) remember(op byte) error {
	width := 1
	if op == 'r' || op == 'j' {
		width = 4
	}
	k, err := m.uint(width)
	if err != nil {
		return err
	}
	if op == 'h' || op == 'j' {
		v, ok := m.memo[k]
		if !ok {
			return badFormat("it gets memo %d, which was not set", k)
		}
		return m.push(v)
	}
	if len(m.stack) == m.floor() {
		return badFormat("it takes more from its stack than is there")
	}
	m.memo[k] = m.stack[len(m.stack)-1]
	return nil
}

// object does the operations that make objects.
func (m *pickleMachine) object(op byte) error {
	if op == 'c' {
		module, err := m.line()
		if err != nil {
			return err
		}
		name, err := m.line()
		if err != nil {
			return err
		}
		g := pickleGlobal(string(module) + " " + string(name))
		if err := m.global(g); err != nil {
			return err
		}
		return m.push(g)
	}
	if op == 'Q' {
		id, err := m.pop()
		if err != nil {
			return err
		}
		v, err := m.persist(id)
		if err != nil {
			return err
		}
		return m.push(v)
	}
	vs, err := m.popN(2)
	if err != nil {
		return err
	}
	if op == 'b' {
		// A state_dict has an attribute _metadata, the versions of its modules.
		if d, ok := vs[0].(*pickleDict); ok {
			return m.push(d)
		}
		return badFormat("it sets attributes of what has none")
	}
	f, ok := vs[0].(pickleGlobal)
	args, ok2 := vs[1].(pickleTuple)
	if !ok || !ok2 {
		return badFormat("it calls what is no function")
	}
	v, err := m.call(f, args)
	if err != nil {
		return err
	}
	return m.push(v)
}
