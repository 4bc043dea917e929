import"./lianke-card-chunk-OIO4G7W2.js";
