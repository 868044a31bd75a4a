package telemetry

// encoder turns records into what its target takes. Immutable, and safe for concurrent use: the scratch is the caller's. It is one type
// and no interface, so that a record can stay on the stack of whoever puts it.
type encoder struct {
	each     bool // entries of the journal, each to be sent by itself
	combined bool // the combined format: as the line, or as the message of an entry
	json     jsonLine
	entry    journalEntry
}

func newEncoder(o AccessOptions, journal bool) encoder {
	names := o.Fields
	if names == nil {
		names = DefaultAccessFields()
	}
	e := encoder{each: journal, combined: o.Format == FormatCombined}
	switch {
	case e.combined:
	case journal:
		e.entry = newJournalEntry(fieldsOf(names))
	default:
		e.json = newJSONLine(fieldsOf(names))
	}
	return e
}

func (e *encoder) wants() Wants {
	if e.combined {
		return Wants{UserAgent: true, Referer: true}
	}
	return wantsOf(append(e.json.all(), e.entry.fields...))
}

// append writes the record behind b.
func (e *encoder) append(b []byte, r *Record, s *scratch) []byte {
	switch {
	case e.each:
		return e.entry.append(b, r, s, e.combined)
	case e.combined:
		return append(appendCombined(b, r), '\n')
	}
	return e.json.append(b, r, s)
}

// jsonLine writes records as JSON objects, one a line. The plain way to say the same is in the tests, by zerolog.
type jsonLine struct {
	fields []jsonField
	from   int // fields[from:to] say where a request was sent, and are remembered; see [routedTexts]
	to     int
}

type jsonField struct {
	field
	behind     string // `,"name":` with the quote that begins a text
	behindText string // the same, with the quote that ends the text before it
}

func newJSONLine(fields []field) jsonLine {
	var j jsonLine
	for _, f := range fields {
		name := `,"` + fieldNames[f] + `":`
		if _, text := new(Record).text(f); text || f == fieldTime {
			name += `"`
		}
		j.fields = append(j.fields, jsonField{f, name, `"` + name})
	}
	for from := range j.fields {
		to := from
		for to < len(j.fields) && j.fields[to].routed() {
			to++
		}
		if to-from > j.to-j.from {
			j.from, j.to = from, to
		}
	}
	return j
}

func (j *jsonLine) all() (fields []field) {
	for _, f := range j.fields {
		fields = append(fields, f.field)
	}
	return fields
}

func (j *jsonLine) append(b []byte, r *Record, s *scratch) []byte {
	start := len(b)
	b, text := j.appendFields(b, r, s, 0, j.from, false)
	if r.Experiments == "" {
		b, text = j.appendRouted(b, r, s, text)
	} else {
		b, text = j.appendFields(b, r, s, j.from, j.to, text)
	}
	b, text = j.appendFields(b, r, s, j.to, len(j.fields), text)
	if len(b) == start {
		return append(b, "{}\n"...) // of what was asked for, this request has nothing
	}
	b[start] = '{' // in the place of the first comma
	if text {
		b = append(b, '"')
	}
	return append(b, "}\n"...)
}

// appendFields writes the fields from one up to another. text says whether what was written last is a text, whose quote is open yet.
func (j *jsonLine) appendFields(b []byte, r *Record, s *scratch, from, to int, text bool) ([]byte, bool) {
	for i := from; i < to; i++ {
		f := &j.fields[i]
		value, is := r.text(f.field)
		if is {
			if value == "" && !f.always() {
				continue
			}
		} else if !r.has(f.field) {
			continue
		}
		if text {
			b = append(b, f.behindText...)
		} else {
			b = append(b, f.behind...)
		}
		if text = is; is {
			b = appendJSONText(b, value)
			continue
		}
		b = r.appendPlain(b, f.field, s)
		text = f.field == fieldTime
	}
	return b, text
}

// appendRouted writes the fields that are remembered, of a record without experiments.
func (j *jsonLine) appendRouted(b []byte, r *Record, s *scratch, text bool) ([]byte, bool) {
	where := routed{r.Route, r.Tag, r.Pool, r.Rule, r.Upstream, r.Attempts, text}
	m := &s.routed[where.slot()]
	if !m.known || m.routed != where {
		m.text, m.open = j.appendFields(m.text[:0], r, s, j.from, j.to, text)
		m.routed, m.known = where, true
	}
	return append(b, m.text...), m.open
}
