package match

// Provide sets the text of a declared attribute, by its place in [Schema.Names], for this request, in the place of what its
// sources gave. It is taken as it is, without Capture and Lower; a text that is none of the attribute's type makes the
// attribute missing. To be called before the first rule is decided; the text is borrowed until the next Reset.
func (a *Attributes) Provide(attr int, text []byte) {
	v := &a.slots[attr]
	*v = slot{stamp: a.gen, text: text}
	if len(text) > 0 && v.parse(a.schema.attrs[attr].typ) {
		v.stamp |= 1
	}
}
