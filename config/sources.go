package config

import (
	"slices"

	"graygate/match"
	"graygate/sources"
)

// Sources is what the plan's requests are looked up in.
func (p *Plan) Sources() sources.Config {
	c := sources.Config{
		Geo:    sources.GeoConfig{Files: p.Geo.Files, Language: p.Geo.Language},
		Agents: slices.ContainsFunc(p.Attributes, readsAgent),
	}
	for _, a := range p.Audiences {
		c.Audiences = append(c.Audiences, sources.AudienceConfig{
			Name: a.Name, File: a.File, RedisURL: a.Redis, RedisKey: a.Key, Refresh: a.Refresh,
			Approximate: a.Approximate, MaxMembers: a.MaxMembers,
		})
	}
	return c
}

// readsAgent reports whether a source of the attribute is in the User-Agent.
func readsAgent(a Attribute) bool {
	return slices.ContainsFunc(a.From, func(s match.Source) bool { return s.Kind == match.FromAgent })
}
