package match

// The bounds of this package, each with its reason. What comes from a request is bounded by the size of its head
// before it gets here; these bound what comes from the config, and what is kept of a request.
const (
	// MaxUnitBytes is the longest unit that is hashed; a longer one counts as missing. Real identifiers are below
	// 100 bytes, and the bound keeps a hashed unit inside the scratch space of a [State].
	MaxUnitBytes = 256

	// MaxVersionBytes is the longest text that can be a version; a longer one is none. It bounds one comparison.
	MaxVersionBytes = 256

	// MaxSaltBytes bounds a rule's name or salt without the role prefix, for the same scratch space.
	MaxSaltBytes = 128

	// MaxAttributes bounds the attributes of a schema, built-in ones included.
	MaxAttributes = 256

	// MaxSources bounds the places that one attribute is read from.
	MaxSources = 16

	// MaxSegments bounds the number of a path segment: the path is walked up to it.
	MaxSegments = 64

	// MaxPatternBytes bounds a regular expression.
	MaxPatternBytes = 1 << 10

	// maxPatternSteps bounds the compiled pattern of a capture: a search costs at most that many steps a character.
	maxPatternSteps = 1 << 10

	// MaxSearchBytes is the longest text that is searched by a regular expression; a longer one counts as missing. It
	// bounds one search, whatever a client sends; URLs and user agents of real clients are well below it.
	MaxSearchBytes = 4 << 10

	// maxNumberBytes is the longest text that can be a number, so that it can be read without allocating.
	maxNumberBytes = 32

	// maxAddressBytes is the longest text that can be an IP address, its zone cut off.
	maxAddressBytes = 64

	// MaxConditionBytes bounds the text of one condition: room for a list of a thousand UUIDs, and an end to the
	// recursion of parser and compiler. The parser's own limit of 10,000 nodes holds as well.
	MaxConditionBytes = 64 << 10

	// MaxConditionSteps bounds the instructions of one condition. Only `==` between conditions and `? :` in one another can
	// make more of it than its text has parts.
	MaxConditionSteps = 20_000

	// MaxNetworks bounds the networks of one cidr().
	MaxNetworks = 1000

	// maxValueDepth bounds expressions in one another: computing one recurses that deep.
	maxValueDepth = 100

	// minIndexedRules is from how many rules on an index pays: looking up a value costs as much as a few tests.
	minIndexedRules = 12

	// minColumnEntries is how many entries have to ask something of a register for it to be in the index.
	minColumnEntries = 6

	// maxColumns bounds the registers that are in the index, and with it the work before the first rule.
	maxColumns = 16

	// maxIndexWords bounds the words of an index's range vectors, 4 MiB: where rules and ranges are so many that they do
	// not fit, neighbouring ranges share a vector.
	maxIndexWords = 1 << 19

	// maxAlternatives bounds the entries of one rule in the index.
	maxAlternatives = 32

	// maxRanges bounds the ranges of one entry and register.
	maxRanges = 64

	// blockRules is how many rules the index narrows at a time: an early match saves the rest. One word has a bit for
	// every 64 of them.
	blockRules = 64 * 64

	// minRunEntries is from how many on entries have a run of their own: fewer would leave most of a word empty, and every
	// vector has that word.
	minRunEntries = 32

	// chunkWords is how many words of a run are narrowed at a time: 2,048 entries stay in the nearest cache.
	chunkWords = 32

	// MaxLayers bounds the layers of one tenant: each costs a hash a request, and a bit in a word.
	MaxLayers = 64

	// MaxExperiments bounds the experiments of one tenant: their numbers and one more, for no experiment, are 16 bits.
	MaxExperiments = 1<<16 - 2

	// MaxHoldouts bounds the holdouts of one tenant: one for every experiment, and shared ones.
	MaxHoldouts = MaxExperiments + 1024

	// MaxVariants bounds the variants of an experiment: each costs a mixing and a logarithm where one is drawn.
	MaxVariants = 100

	// MaxExperimentNameBytes bounds the names of experiments and variants: the assignments of all layers are to fit in one
	// header field of 8 KiB.
	MaxExperimentNameBytes = 64

	// MaxForcedUnits bounds the allow-list of a variant, which is for testers: audiences are for more.
	MaxForcedUnits = 10_000

	// MaxOverrideBytes bounds an override that a request carries: room for a dozen assignments, and an end to the work
	// before its signature is known to be right.
	MaxOverrideBytes = 1 << 10

	// maxRouteNumber bounds the numbers of routes that an experiment is for, of which it has a bit each.
	maxRouteNumber = 1<<20 - 1

	// maxCycles bounds the dependency cycles told at a time: nobody mends more.
	maxCycles = 20

	// maxCycleNames bounds the experiments named of one cycle.
	maxCycleNames = 10

	// maxFreeRanges bounds the free ranges that are proposed where slots overlap.
	maxFreeRanges = 4

	// maxAnalysisSteps bounds one question to an [Analyzer], 10 to 100 ms: conditions that people write take some hundred, 20 µs.
	maxAnalysisSteps = 20_000

	// programSteps is what a program of one test costs beside a step of such a search.
	programSteps = 10

	// stepItems is how many items of a list cost as much as a step, so that lists of thousands take no more time than is meant.
	stepItems = 32

	// maxLiterals bounds the texts that are made out of a regular expression such as `^(ios|ipados)$`, for proofs: each is a branch.
	maxLiterals = 16

	// maxExplainedParts bounds the parts of one condition that are explained: each is compiled, and nobody reads more.
	maxExplainedParts = 500

	// explainedBytes is the text of a part that counts as one more: explaining a part takes time in proportion to the square
	// of its text, and of conditions in one another, `not not not ...` say, every part is nearly as long as the whole.
	explainedBytes = 256

	// maxConditionErrors bounds the mistakes told of one condition: nobody mends more at a time.
	maxConditionErrors = 20

	// maxPendingCookieFields is how many Cookie fields are kept unread for the case that no rule asks for one.
	// Browsers send one field; some HTTP/2 front ends split it. More are read at once, which is slower, not wrong.
	maxPendingCookieFields = 4

	// linearListLen is the longest list that `in` compares one by one; longer ones go through a map.
	linearListLen = 6
)
