package console_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/console"
)

// A program mounts the page next to its own.
func Example() {
	key, err := intentra.GenerateKey()
	if err != nil {
		log.Fatal(err)
	}
	t, err := intentra.Listen("127.0.0.1:0", intentra.Config{Key: key, Authorize: intentra.AllowAny})
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()
	page, err := console.New(console.Config{Transport: t, Name: "robot"})
	if err != nil {
		log.Fatal(err)
	}
	defer page.Close()
	mux := http.NewServeMux()
	mux.Handle("/console/", http.StripPrefix("/console", page))

	server := httptest.NewServer(mux) // in a real program: http.ListenAndServe("127.0.0.1:8080", mux)
	defer server.Close()
	answer, err := http.Get(server.URL + "/console/")
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.StatusCode, strings.Contains(string(text), "<title>intentra</title>"))
	// Output: 200 true
}
