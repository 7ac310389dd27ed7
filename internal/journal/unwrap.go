package journal

// Unwrap returns the Writer inside a *recording.Writer. Package recording sets it:
// an exported method there would put a type of this package into the public API.
var Unwrap func(public any) *Writer
