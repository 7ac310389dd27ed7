package compare

// Result is the outcome of a comparison.
type Result struct {
	Machine Machine `json:"machine"`
	Rounds  int     `json:"rounds"`
	// Seconds is the length of each measurement.
	Seconds float64 `json:"seconds"`
	Size    int     `json:"size"`
	Senders int     `json:"senders"`
	// Raised has the limits that were raised above their defaults, by the Name
	// of the row.
	Raised map[string][]string `json:"raised_limits"`
	Notes  map[string]string   `json:"notes"`
	Rows   []Row               `json:"rows"`
	Goals  []Goal              `json:"ratios"`
	// Errors describes the measurements that failed.
	Errors []string `json:"errors,omitempty"`
}

// Row has the values of a contender with a number of connections.
type Row struct {
	Contender   string          `json:"contender"`
	Connections int             `json:"connections"`
	Values      map[string]Stat `json:"values"`
}

// Goal is a ratio or difference of two contenders, and the target of its median.
type Goal struct {
	Name  string `json:"name"`
	Value Stat   `json:"value"`
	// AtLeast or AtMost is the target, if there is one.
	AtLeast *float64 `json:"at_least,omitempty"`
	AtMost  *float64 `json:"at_most,omitempty"`
	// Met is nil without a target.
	Met *bool `json:"met,omitempty"`
}

// AtLeast returns a Goal whose median should not be less than bound.
func AtLeast(name string, s Series, bound float64) Goal {
	v := s.Stat()
	met := v.Median >= bound
	return Goal{Name: name, Value: v, AtLeast: &bound, Met: &met}
}

// AtMost returns a Goal whose median should not be more than bound.
func AtMost(name string, s Series, bound float64) Goal {
	v := s.Stat()
	met := v.Median <= bound
	return Goal{Name: name, Value: v, AtMost: &bound, Met: &met}
}

// Plain returns a Goal without a target.
func Plain(name string, s Series) Goal { return Goal{Name: name, Value: s.Stat()} }
