package nn

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// checkJSON returns an error unless text is one JSON value in valid UTF-8
// whose arrays and objects are nested at most depth deep, without a key that
// occurs twice in an object and without half a surrogate pair. The package
// encoding/json lets all of these pass, and takes the last key.
func checkJSON(text []byte, depth int) error {
	if !utf8.Valid(text) {
		return badFormat("it is not valid UTF-8")
	}
	if !json.Valid(text) {
		return badFormat("it is not valid JSON")
	}
	if halfPair(text) {
		return badFormat("it has half a surrogate pair")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return checkValue(d, depth)
}

// checkValue checks the next value of valid JSON, which has a next token
// wherever one is taken here.
func checkValue(d *json.Decoder, depth int) error {
	t, _ := d.Token()
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth == 0 {
		return badFormat("it is nested too deep")
	}
	var keys map[string]bool
	if open == '{' {
		keys = map[string]bool{}
	}
	for d.More() {
		if keys != nil {
			t, _ := d.Token()
			key, _ := t.(string)
			if keys[key] {
				return badFormat("%.80q occurs twice", key)
			}
			keys[key] = true
		}
		if err := checkValue(d, depth-1); err != nil {
			return err
		}
	}
	d.Token() // the closing bracket
	return nil
}

// halfPair reports whether a string in valid JSON has a \u escape that is half
// a surrogate pair. (Backslashes occur in strings only.)
func halfPair(text []byte) bool {
	unit := func(i int) rune { // of the escape at i, −1 if there is none
		if i+6 > len(text) || text[i] != '\\' || text[i+1] != 'u' {
			return -1
		}
		v, _ := strconv.ParseUint(string(text[i+2:i+6]), 16, 16)
		return rune(v)
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if u := unit(i); utf16.IsSurrogate(u) {
			if utf16.DecodeRune(u, unit(i+6)) == unicode.ReplacementChar {
				return true
			}
			i += 6
		}
		i++ // over the escaped character
	}
	return false
}

// object returns the members of a JSON object.
func object(text []byte) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	if text[0] != '{' || json.Unmarshal(text, &m) != nil {
		return nil, badFormat("it is %.80s, not an object", text)
	}
	return m, nil
}

// stringOf returns the value of a JSON string.
func stringOf(text []byte) (s string, err error) {
	if text[0] != '"' || json.Unmarshal(text, &s) != nil {
		return "", badFormat("it is %.80s, not a string", text)
	}
	return s, nil
}

// numbers returns the elements of a JSON array of integers that are not negative.
// It takes no memory but for them.
func numbers(text []byte) ([]uint64, error) {
	if text[0] != '[' {
		return nil, badFormat("it is %.80s, not a list", text)
	}
	list := bytes.TrimSpace(text[1 : len(text)-1])
	if len(list) == 0 {
		return nil, nil
	}
	ns := make([]uint64, 0, bytes.Count(list, []byte(","))+1)
	for v := range bytes.SplitSeq(list, []byte(",")) {
		v = bytes.TrimSpace(v)
		n, err := strconv.ParseUint(string(v), 10, 63)
		if err != nil {
			return nil, badFormat("%.80s is not an integer from 0 to 2⁶³−1", v)
		}
		ns = append(ns, n)
	}
	return ns, nil
}
