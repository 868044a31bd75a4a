package probes

import "bytes"

// The texts of /proc, read without allocation.

// cut gives what is before the first sep, and what is after it.
func cut(text []byte, sep byte) (before, after []byte) {
	if i := bytes.IndexByte(text, sep); i >= 0 {
		return text[:i], text[i+1:]
	}
	return text, nil
}

// trim takes white space off both ends.
func trim(text []byte) []byte { return bytes.TrimSpace(text) }

// number is the decimal number at the beginning of a text; 0 if there is none.
func number(text []byte) float64 {
	var v float64
	for _, c := range text {
		if c < '0' || c > '9' {
			break
		}
		v = 10*v + float64(c-'0')
	}
	return v
}

// labelled is the number of the line that begins with a label and white space; 0 if there is none.
func labelled(text []byte, label string) float64 {
	for len(text) > 0 {
		var line []byte
		line, text = cut(text, '\n')
		if len(line) > len(label) && string(line[:len(label)]) == label && (line[len(label)] == ' ' || line[len(label)] == '\t') {
			return number(trim(line[len(label):]))
		}
	}
	return 0
}
