package console

// Section is a table that the program adds to the page; see [Config].Sections.
type Section struct {
	// Title is the heading, and Note follows it in small type.
	Title string `json:"title"`
	Note  string `json:"note,omitempty"`
	// Warning says what needs a look, such as a connection that is lost. The page shows it in
	// front of Note, with a mark. Optional.
	Warning string `json:"warning,omitempty"`
	// Columns are the headings of the columns, and Rows the texts in them. A shorter row is
	// filled up with empty cells. The first column, and those with a text that is not numeric,
	// are left-aligned. Tables of up to 3 columns stand side by side on wide screens.
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// What we chose: the page shows the first of more sections, columns or rows.
const (
	maxSections       = 8
	maxSectionColumns = 16
	maxSectionRows    = 256
)

// sections returns the program's sections, within the limits.
func (c *Config) sections() []Section {
	if c.Sections == nil {
		return nil
	}
	list := c.Sections()
	list = append([]Section{}, list[:min(len(list), maxSections)]...)
	for i := range list {
		s := &list[i]
		s.Columns = s.Columns[:min(len(s.Columns), maxSectionColumns)]
		rows := make([][]string, 0, min(len(s.Rows), maxSectionRows))
		for _, r := range s.Rows[:cap(rows)] {
			rows = append(rows, r[:min(len(r), len(s.Columns))])
		}
		s.Rows = rows
	}
	return list
}
