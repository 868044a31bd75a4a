// Package sources has what rules and experiments look things up in: audiences, the geography of addresses, and the
// reading of User-Agent fields. A [Registry] opens what a config names, keeps it over reloads, and gives it to match as
// [match.Lookups].
package sources
