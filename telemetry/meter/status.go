package meter

import (
	"strconv"
	"sync/atomic"
)

// statusCodes are the codes that are counted by themselves: IANA's registry of HTTP status codes, the common ones first, so
// that one page of counts is enough for most. All else is "other", 0 (nothing was answered) and 499 included.
var statusCodes = [...]int{
	200, 201, 204, 206, 301, 302, 304, 400, 401, 403, 404, 429, 500, 502, 503, 504,
	100, 101, 102, 103, 202, 203, 205, 207, 208, 226, 300, 303, 305, 307, 308,
	402, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417,
	421, 422, 423, 424, 425, 426, 428, 431, 451, 501, 505, 506, 507, 508, 510, 511,
}

const (
	pageCodes = line / 8 // counts of one page
	codePages = 4
	otherCode = len(statusCodes) // the slot of all other codes
	slots     = otherCode + 1
	_         = uint(codePages*pageCodes - slots) // they fit
	statusEnd = 600                               // codes from here on are others
)

// slotOf is the slot of a code below statusEnd.
var slotOf = func() (slot [statusEnd]uint8) {
	for i := range slot {
		slot[i] = uint8(otherCode)
	}
	for i, code := range statusCodes {
		slot[code] = uint8(i)
	}
	return slot
}()

// codes counts the answers of one pool to the requests of one key, by status.
type codes struct {
	key    poolKey
	labels string // those of the key, without braces
	pool   string // escaped
	cells  []atomic.Pointer[codesCell]
}

type poolKey struct {
	Key
	pool string // "" is the gateway itself
}

// codesCell is one loop's part. It is written when a kind of status is first seen, so not beside another loop's.
type codesCell struct {
	pages [codePages]atomic.Pointer[codesPage]
	_     [line - 8*codePages]byte
}

// codesPage counts some codes. It fills a pair of cache lines.
type codesPage [pageCodes]atomic.Uint64

// codes gives the counts of a pool's answers to the requests of a key, those of the committed generation if it has them.
func (g *Generation) codes(of *times, pool string) *codes {
	k := poolKey{of.key, pool}
	c := g.pools[k]
	if c == nil {
		if before := g.r.current.Load(); before != nil {
			c = before.pools[k]
		}
		if c == nil {
			c = &codes{key: k, labels: of.labels, pool: escape(pool), cells: make([]atomic.Pointer[codesCell], g.r.loops)}
		}
		g.pools[k] = c
	}
	return c
}

// count counts an answer.
func (c *codes) count(loop, status int) {
	slot := otherCode
	if uint(status) < statusEnd {
		slot = int(slotOf[status])
	}
	cell := c.cells[loop].Load()
	if cell == nil {
		cell = firstOf(&c.cells[loop])
	}
	page := cell.pages[slot/pageCodes].Load()
	if page == nil {
		page = firstOf(&cell.pages[slot/pageCodes])
	}
	page[slot%pageCodes].Add(1)
}

// sum adds up what the loops counted. counted reports whether one of them has counted at all, which of most pools of most keys none has.
func (c *codes) sum() (sum [slots]uint64, counted bool) {
	for i := range c.cells {
		cell := c.cells[i].Load()
		if cell == nil {
			continue
		}
		counted = true
		for p := range cell.pages {
			page := cell.pages[p].Load()
			if page == nil {
				continue
			}
			for i := range min(pageCodes, slots-p*pageCodes) {
				sum[p*pageCodes+i] += page[i].Load()
			}
		}
	}
	return sum, counted
}

// codeTexts are how the slots are called.
var codeTexts = func() (texts [slots]string) {
	for i, code := range statusCodes {
		texts[i] = strconv.Itoa(code)
	}
	texts[otherCode] = "other"
	return texts
}()
