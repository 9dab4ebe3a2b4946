package messages

// What a script configures.

import "time"

// mostPerUser bounds max_per_user.
const mostPerUser = 10_000

// Policy says what is kept. The zero value is not one: see DefaultPolicy.
type Policy struct {
	MaxPerUser int           `lua:"max_per_user,reloadable" min:"1" max:"10000" default:"100" doc:"messages that are kept for one user"`
	MaxSize    int           `lua:"max_size,reloadable" min:"1" max:"1048576" default:"65536" doc:"the longest body that is kept, in bytes"`
	TTL        time.Duration `lua:"ttl,reloadable" min:"1" max:"31536000" default:"604800" doc:"for how long a message is kept, in seconds; its own Expires may shorten it"`
	Receipts   bool          `lua:"receipts,reloadable" default:"true" doc:"senders who ask for it (IMDN, RFC 5438: \"processing\") are told that a message is stored, or that its time is over"`
}

// DefaultPolicy is what counts where nothing is said.
func DefaultPolicy() Policy {
	return Policy{MaxPerUser: 100, MaxSize: 64 << 10, TTL: 7 * 24 * time.Hour, Receipts: true}
}
