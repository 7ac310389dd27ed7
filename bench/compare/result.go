package compare

// Result is the outcome of a comparison.
type Result struct {
	Machine Machine `json:"machine"`
	Rounds  int     `json:"rounds"`
	// Seconds is the length of each measurement.
	Seconds float64 `json:"seconds"`
	Size    int     `json:"size"`
	Senders int     `json:"senders"`
	// Raised are the limits that were raised above their defaults, by
	// contender and connections.
	Raised map[string][]string `json:"raised_limits"`
	Notes  map[string]string   `json:"notes"`
	Rows   []Row               `json:"rows"`
	Goals  []Goal              `json:"ratios"`
	// Errors are the measurements that failed.
	Errors []string `json:"errors,omitempty"`
}

// Row is what was measured of a contender with a number of connections.
type Row struct {
	Contender   string          `json:"contender"`
	Connections int             `json:"connections"`
	Values      map[string]Stat `json:"values"`
}

// Goal is a ratio, or a difference, of two contenders, with what is wanted of
// its median.
type Goal struct {
	Name  string `json:"name"`
	Value Stat   `json:"value"`
	// AtLeast and AtMost are the bounds that there are.
	AtLeast *float64 `json:"at_least,omitempty"`
	AtMost  *float64 `json:"at_most,omitempty"`
	// Met is nil where nothing is wanted.
	Met *bool `json:"met,omitempty"`
}

// AtLeast wants the median to be no less than bound.
func AtLeast(name string, s Series, bound float64) Goal {
	v := s.Stat()
	met := v.Median >= bound
	return Goal{Name: name, Value: v, AtLeast: &bound, Met: &met}
}

// AtMost wants the median to be no more than bound.
func AtMost(name string, s Series, bound float64) Goal {
	v := s.Stat()
	met := v.Median <= bound
	return Goal{Name: name, Value: v, AtMost: &bound, Met: &met}
}

// Plain only tells.
func Plain(name string, s Series) Goal { return Goal{Name: name, Value: s.Stat()} }
