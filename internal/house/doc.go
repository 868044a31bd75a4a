// Package house holds the rules of the house itself, as tests: who may import whom and why, how long a file may be,
// which words have no place here, and that everything the documents and the deployment files show does run. It has no
// code of its own. Each rule is tried on a made-up violation too, because a rule that never fires proves nothing.
package house
