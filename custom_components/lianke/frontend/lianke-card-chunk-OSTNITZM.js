var i=t=>/^\/(?!\/)/.test(t)||t.startsWith("data:image/"),n=async t=>{if(!t)return;let e=new Image;e.src=t,await e.decode().catch(()=>{})};export{i as a,n as b};
