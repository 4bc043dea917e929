import"./lianke-card-chunk-D6FZ53UY.js";
