package metrics_test

import (
	"log"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/metrics"
)

// A transport's counters on http://localhost:9100/metrics.
func Example() {
	key, err := intentra.ReadPrivateKey("hub.key")
	if err != nil {
		log.Fatal(err)
	}
	transport, err := intentra.Listen(":9000", intentra.Config{Key: key, Authorize: intentra.AllowAny})
	if err != nil {
		log.Fatal(err)
	}
	defer transport.Close()

	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.NewCollector(transport))
	http.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	log.Print(http.ListenAndServe("localhost:9100", nil))
}

// Two transports in one process are told apart by a label of the registerer.
func ExampleNewCollector_twoTransports() {
	var inside, outside *intentra.Transport

	for name, transport := range map[string]*intentra.Transport{"inside": inside, "outside": outside} {
		labelled := prometheus.WrapRegistererWith(prometheus.Labels{"transport": name}, prometheus.DefaultRegisterer)
		labelled.MustRegister(metrics.NewCollector(transport, metrics.WithPeerLabels(100)))
	}
}
