package metrics_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/metrics"
)

func listen() *intentra.Transport {
	key, err := intentra.GenerateKey()
	if err != nil {
		log.Fatal(err)
	}
	transport, err := intentra.Listen("127.0.0.1:0", intentra.Config{Key: key, Authorize: intentra.AllowAny})
	if err != nil {
		log.Fatal(err)
	}
	return transport
}

// A transport's counters are served at /metrics.
func Example() {
	transport := listen()
	defer transport.Close()

	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.NewCollector(transport))
	http.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := httptest.NewServer(http.DefaultServeMux) // or http.ListenAndServe("localhost:9100", nil)
	defer server.Close()

	response, err := http.Get(server.URL + "/metrics")
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	fmt.Println(response.Status)
	// Output: 200 OK
}

// A label of the registerer distinguishes two transports of one process.
func ExampleNewCollector_twoTransports() {
	registry := prometheus.NewRegistry()
	for _, name := range []string{"inside", "outside"} {
		transport := listen()
		defer transport.Close()
		labelled := prometheus.WrapRegistererWith(prometheus.Labels{"transport": name}, registry)
		labelled.MustRegister(metrics.NewCollector(transport, metrics.WithPeerLabels(100)))
	}

	families, err := registry.Gather()
	if err != nil {
		log.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "intentra_connected_peers" {
			for _, m := range family.GetMetric() {
				label := m.GetLabel()[0]
				fmt.Println(family.GetName(), label.GetName(), label.GetValue(), m.GetGauge().GetValue())
			}
		}
	}
	// Output:
	// intentra_connected_peers transport inside 0
	// intentra_connected_peers transport outside 0
}
