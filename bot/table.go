package bot

import (
	"fmt"
	"reflect"
	"strings"
)

// Table is the configuration as a Markdown table, made from Config's own tags; the README contains it.
func Table() string {
	var b strings.Builder
	b.WriteString("| Variable | Needed | Default | Meaning |\n|---|---|---|---|\n")
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		b.WriteString(row(t.Field(i)))
	}
	return b.String()
}

func row(f reflect.StructField) string {
	name := f.Tag.Get("envconfig")
	if name == "" {
		return ""
	}
	needed, def := "", ""
	if f.Tag.Get("need") != "" {
		needed = "yes"
	}
	if d := f.Tag.Get("default"); d != "" {
		def = "`" + d + "`"
	}
	names := "`" + name + "`"
	if f.Type == reflect.TypeFor[Secret]() {
		names += " or `" + name + "_FILE`"
	}
	return fmt.Sprintf("| %s | %s | %s | %s |\n", names, needed, def, strings.ReplaceAll(f.Tag.Get("desc"), "|", `\|`))
}
