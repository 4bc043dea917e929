import"./lianke-card-chunk-6J72SKKF.js";
