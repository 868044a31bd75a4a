package audience

// CheckRedisURL gives what is wrong with the URL of a server, nil if nothing is. The server is not asked.
func CheckRedisURL(url string) error {
	_, err := newRedisSource(Config{RedisURL: url, RedisKey: "-"})
	return err
}
