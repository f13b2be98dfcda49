// What the compiler counts before massgen comes in.
console.log("nothing");

export {};
