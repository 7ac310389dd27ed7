package main

func Example() {
	main()
	// Output:
	// [10 20]
	// [30 40]
	// geofence outside 1
}
