package journal

// Unwrap returns the Writer inside a *recording.Writer. Package recording sets it,
// because an exported method would put a type of this package into its API.
var Unwrap func(public any) *Writer
