"""Rules that Galaxy finds as it finds ours, and that write down what it gives them."""
