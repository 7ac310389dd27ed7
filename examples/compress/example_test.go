package main

func Example() {
	main()
	// Output:
	// 100 messages arrived unchanged; compressed to less than half: true
}
