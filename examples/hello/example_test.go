package main

func Example() {
	main()
	// Output:
	// 1 latest x=10 y=20
}
